/** Messages that one piece from the socket holds, as positions in it. */
export interface Segment {
  readonly bytes: Uint8Array
  readonly arrivedMs: number
  /** First byte of each packet, and where its body begins and ends. */
  readonly firsts: number[]
  readonly starts: number[]
  readonly ends: number[]
  /** Bytes that were dropped of packets that were too large, by index. */
  readonly cuts: Map<number, number>
  /** The next message to be read. */
  next: number
  following: Segment | undefined
}

/** What a segment costs besides its bytes: a trickle comes in pieces of one message each. */
const SEGMENT_BYTES = 512

/** Messages that came and were not read, in their order. Nothing is copied: a piece stays until its last message was read. */
export class Inbox {
  readonly #bytesMax: number
  #head: Segment | undefined
  #tail: Segment | undefined
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** No more should come. */
  get full(): boolean {
    return this.#bytes > this.#bytesMax
  }

  /** It pays to let more come. */
  get roomy(): boolean {
    return this.#bytes <= this.#bytesMax / 2
  }

  get head(): Segment | undefined {
    return this.#head
  }

  add(first: number, bytes: Uint8Array, at: number, end: number, cut: number, nowMs: number): void {
    let segment = this.#tail
    if (!segment || segment.bytes !== bytes) {
      segment = {
        ...{ bytes, arrivedMs: nowMs, firsts: [], starts: [], ends: [], cuts: new Map(), next: 0 },
        following: undefined,
      }
      if (this.#tail) this.#tail.following = segment
      else this.#head = segment
      this.#tail = segment
      this.#bytes += bytes.length + SEGMENT_BYTES
    }
    if (cut > 0) segment.cuts.set(segment.firsts.length, cut)
    segment.firsts.push(first)
    segment.starts.push(at)
    segment.ends.push(end)
  }

  /** The first segment was read to its end. */
  drop(): void {
    const head = this.#head
    if (!head) return
    this.#bytes -= head.bytes.length + SEGMENT_BYTES
    this.#head = head.following
    if (!this.#head) this.#tail = undefined
  }
}
