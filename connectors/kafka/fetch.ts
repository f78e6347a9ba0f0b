import type { Api } from './connection.ts'
import { groupBy } from './offsets.ts'
import type { AbortedTransaction } from './record-batch.ts'
import type { Reader, Writer } from './wire.ts'

/** Version 12 names topics; later ones need topic ids and bring nothing this client uses. */
export const FETCH: Api = { name: 'Fetch', key: 1, version: 12, flexible: true }

/** Limits of one fetch. */
export interface FetchLimits {
  readonly waitMs: number
  readonly bytesMax: number
  readonly partitionBytesMax: number
  readonly committedOnly: boolean
}

/** What an answer holds of one partition; records are bytes[start … end) of the answer. */
export interface FetchedPartition {
  readonly topic: string
  readonly partition: number
  readonly code: number
  readonly highWatermark: number
  /** Below it every transaction has ended. */
  readonly lastStableOffset: number
  readonly logStart: number
  readonly aborted: readonly AbortedTransaction[]
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
}

/** Asks without a session: which partitions, and from where, is said each time, so nothing needs undoing after a failure. The first ones fill `bytesMax` first. */
export function writeFetch(
  w: Writer,
  limits: FetchLimits,
  partitions: readonly { readonly topic: string; readonly partition: number; readonly fetchNext: number }[],
): void {
  w.int32(-1).int32(limits.waitMs).int32(1).int32(limits.bytesMax)
  w.int8(limits.committedOnly ? 1 : 0)
  w.int32(0).int32(-1)
  w.compactArray([...groupBy(partitions, p => p.topic)], ([topic, ofTopic]) => {
    w.compactString(topic)
    w.compactArray(ofTopic, p => {
      w.int32(p.partition).int32(-1).int64(p.fetchNext).int32(-1).int64(-1).int32(limits.partitionBytesMax).tags()
    })
    w.tags()
  })
  w.compactArray([], () => undefined)
    .compactString('')
    .tags()
}

/** The error code of the whole answer, and its partitions. */
export function readFetch(reader: Reader): { readonly code: number; readonly partitions: readonly FetchedPartition[] } {
  reader.int32()
  const code = reader.int16()
  reader.int32()
  const partitions: FetchedPartition[] = []
  reader.compactArray(() => {
    const topic = reader.compactString()
    reader.compactArray(() => {
      const partition = reader.int32()
      const partitionCode = reader.int16()
      const [highWatermark, lastStableOffset, logStart] = [reader.int64(), reader.int64(), reader.int64()]
      const aborted = reader.compactArray(() => {
        const transaction = { producerId: reader.int64(), firstOffset: reader.int64() }
        reader.tags()
        return transaction
      })
      reader.int32()
      const length = Math.max(0, reader.uvarint() - 1)
      const start = reader.at
      const end = start + length
      reader.at = end
      reader.tags()
      const { bytes } = reader
      const offsets = { highWatermark, lastStableOffset, logStart }
      partitions.push({ topic, partition, code: partitionCode, ...offsets, aborted, bytes, start, end })
    })
    reader.tags()
  })
  return { code, partitions }
}
