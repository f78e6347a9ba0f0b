import type { Chunk } from './entry.ts'
import { compareEntries } from './message-id.ts'

/** Messages under way at a time, and their bytes: what a producer that died left behind must not fill the memory. */
const MESSAGES_MAX = 100
const BYTES_MAX = 256 << 20

interface Pending {
  readonly first: { readonly ledger: number; readonly entry: number }
  readonly pieces: Uint8Array[]
  bytes: number
}

/** Puts messages together that came in several entries, perhaps between one another's. */
export class Chunks {
  readonly #pending = new Map<string, Pending>()
  #bytes = 0

  /** The entry that a restart must begin at for the messages under way; undefined when there are none. */
  get first(): { readonly ledger: number; readonly entry: number } | undefined {
    let first: Pending['first'] | undefined
    for (const pending of this.#pending.values())
      if (!first || compareEntries(pending.first, first) < 0) first = pending.first
    return first
  }

  /**
   * Takes a piece. With the last one it gives the whole message as an entry without checksum, or 'broken' when those before have not
   * been seen or there is too much of it; before that, undefined.
   */
  add(chunk: Chunk, at: { readonly ledger: number; readonly entry: number }): Uint8Array | undefined | 'broken' {
    const { uuid, number, count, totalBytes, metadata, piece } = chunk
    if (number === 0) {
      this.#drop(uuid)
      this.#pending.set(uuid, { first: { ledger: at.ledger, entry: at.entry }, pieces: [], bytes: 0 })
    }
    const pending = this.#pending.get(uuid)
    const incomplete = number === count - 1 ? 'broken' : undefined
    if (!pending) return incomplete
    // A producer that was interrupted sends pieces again.
    if (number < pending.pieces.length) return undefined
    const room = this.#pending.size <= MESSAGES_MAX && this.#bytes + piece.length <= BYTES_MAX
    if (number > pending.pieces.length || totalBytes > BYTES_MAX || !room) {
      this.#drop(uuid)
      return incomplete
    }
    pending.pieces.push(piece)
    pending.bytes += piece.length
    this.#bytes += piece.length
    if (number < count - 1) return undefined
    this.#drop(uuid)
    const whole = new Uint8Array(metadata.length + pending.bytes)
    whole.set(metadata)
    let end = metadata.length
    for (const each of pending.pieces) {
      whole.set(each, end)
      end += each.length
    }
    return whole
  }

  #drop(uuid: string): void {
    this.#bytes -= this.#pending.get(uuid)?.bytes ?? 0
    this.#pending.delete(uuid)
  }
}
