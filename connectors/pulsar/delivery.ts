import type { Prepared } from '../../src/connector.ts'
import type { OutgoingMessage } from './entry-writer.ts'

/** How a sink's messages come to their topic; the methods are those of `Sink`, per message instead of per batch. */
export interface Delivery {
  open(recovered: Prepared | undefined): Promise<void>
  /** Before the messages of a batch. */
  begin(): Promise<void>
  /** True when that filled an entry: then call `room` before more. */
  append(partition: number, message: OutgoingMessage): boolean
  room(): Promise<void>
  prepare(epoch: number): Promise<Prepared | undefined>
  commit(prepared: Prepared): Promise<void>
  close(): Promise<void>
}
