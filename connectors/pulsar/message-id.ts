import { EngineError } from '../../src/base/errors.ts'
import type { ProtoReader, ProtoWriter } from './protobuf.ts'

/** A place between messages: the next one is number `next` of this entry, or the first of a later entry. Entries are a broker's batches. */
export interface Place {
  readonly ledger: number
  readonly entry: number
  readonly next: number
  /** Where reading must begin for messages that are in several entries, and whose first pieces lie before this place. */
  readonly pieces?: { readonly ledger: number; readonly entry: number }
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
/** As the number of the next message of an entry: it was read whole, however many it has. */
export const WHOLE = 0x7fffffff
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
  if ('timestampMs' in from) return `time:${from.timestampMs}`
  const { ledger, entry, next, pieces } = from
  return `${ledger}:${entry}:${next === WHOLE ? '*' : next}${pieces ? `/${pieces.ledger}:${pieces.entry}` : ''}`
}

/** Throws XX001 when a checkpoint's text is not one. */
export function parseFrom(value: unknown): From {
  if (value === 'earliest') return value
  const time = /^time:(-?[\d.]+)$/.exec(String(value))
  if (time) return { timestampMs: Number(time[1]) }
  const place = /^(\d+):(-1|\d+):(\d+|\*)(?:\/(\d+):(\d+))?$/.exec(String(value))
  if (place) {
    const [ledger, entry, next, firstLedger, firstEntry] = place
      .slice(1)
      .map(part => (part === '*' ? WHOLE : Number(part)))
    return { ledger, entry, next, pieces: place[4] ? { ledger: firstLedger, entry: firstEntry } : undefined }
  }
  throw new EngineError('XX001', 'the checkpoint does not hold a position of Pulsar', { detail: String(value) })
}

/** The last entry that nobody who begins at this place needs; undefined where that is not known. */
export function lastBefore(from: From): { readonly ledger: number; readonly entry: number } | undefined {
  if (typeof from !== 'object' || 'timestampMs' in from) return undefined
  const { ledger, entry, next, pieces } = from
  if (pieces) return pieces.entry > 0 ? { ledger: pieces.ledger, entry: pieces.entry - 1 } : undefined
  if (next === WHOLE) return { ledger, entry }
  return entry > 0 ? { ledger, entry: entry - 1 } : undefined
}
