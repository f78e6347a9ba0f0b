import { EngineError } from '../../src/base/errors.ts'
import type { ProtoReader, ProtoWriter } from './protobuf.ts'

/** A place between messages: the next one is number `next` of this entry, or the first of a later entry. Entries are a broker's batches. */
export interface Place {
  readonly ledger: number
  readonly entry: number
  readonly next: number
}

/** Of one message. `batch` is −1 where it has an entry of its own. */
export interface MessageId {
  readonly ledger: number
  readonly entry: number
  readonly batch: number
}

/** Where a partition is read from: behind what was read, or, before the first message, from its first or from a time. */
export type From = Place | 'earliest' | { readonly timestampMs: number }

export const NOTHING = -1
export const NOWHERE: MessageId = { ledger: NOTHING, entry: NOTHING, batch: NOTHING }

/** Which of two entries comes first: negative, 0 or positive. */
export function compareEntries(a: { ledger: number; entry: number }, b: { ledger: number; entry: number }): number {
  return a.ledger - b.ledger || a.entry - b.entry
}

/** A MessageIdData. */
export function readMessageId(reader: ProtoReader): MessageId {
  let { ledger, entry, batch } = NOWHERE
  for (let field = reader.next(); field; field = reader.next()) {
    if (field === 1) ledger = reader.value
    else if (field === 2) entry = reader.value
    else if (field === 4) batch = reader.value
  }
  return { ledger, entry, batch }
}

export function writeMessageId(writer: ProtoWriter, id: { ledger: number | bigint; entry: number | bigint }): void {
  writer.number(1, id.ledger).number(2, id.entry)
}

/** For checkpoints. */
export function printFrom(from: From): string {
  if (typeof from === 'string') return from
  return 'timestampMs' in from ? `time:${from.timestampMs}` : `${from.ledger}:${from.entry}:${from.next}`
}

/** Throws XX001 when a checkpoint's text is not one. */
export function parseFrom(value: unknown): From {
  if (value === 'earliest') return value
  const time = /^time:(-?[\d.]+)$/.exec(String(value))
  if (time) return { timestampMs: Number(time[1]) }
  const place = /^(\d+):(-1|\d+):(\d+)$/.exec(String(value))
  if (place) return { ledger: Number(place[1]), entry: Number(place[2]), next: Number(place[3]) }
  throw new EngineError('XX001', 'the checkpoint does not hold a position of Pulsar', { detail: String(value) })
}
