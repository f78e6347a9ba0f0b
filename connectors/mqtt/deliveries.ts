import { Type } from './packets.ts'

/** A PUBACK, PUBREC or PUBCOMP to be sent. */
export interface Answer {
  readonly type: number
  readonly id: number
}

/** Of a QoS 2 message: `given` to be read, `recorded` in a checkpoint (PUBREC), `released` by the broker (PUBREL). */
interface Exact {
  readonly sequence: number
  state: 'given' | 'recorded' | 'released'
}

/**
 * Messages that came and are not acknowledged. Numbers count them; an acknowledgement is of all up to a number, as a checkpoint
 * holds it. Brokers send again what was not acknowledged when the connection comes back, under the same packet id, so a
 * known id is the same message if it says so (DUP). At QoS 1 a message is acknowledged once a checkpoint holds it: one that comes between
 * the checkpoint and its acknowledgement is read twice. At QoS 2 checkpoints also hold the ids that the broker may send again,
 * and the broker may use an id anew (PUBCOMP) only when a checkpoint no longer holds it: then nothing is read twice.
 */
export class Deliveries {
  /** Of the newest message. */
  sequence = 0
  /** See `arrived`. */
  answer: Answer | undefined
  /** A QoS 2 message was released, and no poll has told of it: the next position will not hold it. */
  releasedSince = false
  readonly #durable: boolean
  /** QoS 1, by packet id, in the order they came. */
  readonly #once = new Map<number, number>()
  /** QoS 1: in a checkpoint, but there was no connection to say so. */
  readonly #due = new Set<number>()
  readonly #exact = new Map<number, Exact>()

  /** `durable`: checkpoints will hold positions. */
  constructor(durable: boolean) {
    this.#durable = durable
  }

  /** Messages the broker waits for an answer to. */
  get unacknowledged(): number {
    return this.#once.size + this.#exact.size
  }

  /** Goes on after a restart: `sequence` messages were read, and the broker may send those QoS 2 ids again. */
  restore(sequence: number, held: Iterable<number>): void {
    this.sequence = sequence
    for (const id of held) this.#exact.set(id, { sequence: 0, state: 'recorded' })
  }

  /** A new session: the broker has forgotten all it had sent. */
  forget(): void {
    this.#once.clear()
    this.#due.clear()
    this.#exact.clear()
  }

  /** A message arrived. False: it came before, and `answer` is to be sent now if there is one. */
  arrived(id: number, qos: number, duplicate: boolean): boolean {
    // A broker that was killed may have forgotten what it sent, and use an id anew: then it does not say "duplicate".
    if (qos > 0 && !duplicate) this.#forgetOne(id)
    if (qos === 1) {
      this.answer = this.#due.delete(id) ? { type: Type.puback, id } : undefined
      if (this.answer || this.#once.has(id)) return false
      this.#once.set(id, ++this.sequence)
    } else if (qos === 2) {
      const known = this.#exact.get(id)
      this.answer = known && known.state !== 'given' ? { type: Type.pubrec, id } : undefined
      if (known) return false
      this.#exact.set(id, { sequence: ++this.sequence, state: 'given' })
    } else this.sequence++
    return true
  }

  #forgetOne(id: number): void {
    this.#once.delete(id)
    this.#due.delete(id)
    this.#exact.delete(id)
  }

  /** PUBREL: the broker will not send this one again. */
  released(id: number): Answer | undefined {
    const known = this.#exact.get(id)
    if (known && this.#durable) {
      known.state = 'released'
      this.releasedSince = true
      return undefined
    }
    this.#exact.delete(id)
    return { type: Type.pubcomp, id }
  }

  /** QoS 2 ids up to a number that the broker may send again: `1-20,25`. Empty: none. */
  held(sequence: number): string {
    if (this.#exact.size === 0) return ''
    const ids: number[] = []
    for (const [id, known] of this.#exact) if (known.sequence <= sequence && known.state !== 'released') ids.push(id)
    return rangesText(ids.sort((a, b) => a - b))
  }

  /** A checkpoint holds all up to a number, and `held` as it was then. Answers what the broker is to be told; nothing while not `connected`. */
  acknowledged(sequence: number, held: string, connected: boolean): Answer[] {
    const answers: Answer[] = []
    for (const [id, each] of this.#once) {
      if (each > sequence) break
      this.#once.delete(id)
      if (connected) answers.push({ type: Type.puback, id })
      else this.#due.add(id)
    }
    if (this.#exact.size === 0) return answers
    const inCheckpoint = new Set(idsOf(held))
    for (const [id, known] of this.#exact) {
      if (known.sequence > sequence) continue
      if (known.state === 'given') {
        known.state = 'recorded'
        if (connected) answers.push({ type: Type.pubrec, id })
      } else if (known.state === 'released' && !inCheckpoint.has(id)) {
        this.#exact.delete(id)
        if (connected) answers.push({ type: Type.pubcomp, id })
      }
    }
    return answers
  }
}

function rangesText(sorted: readonly number[]): string {
  const ranges: string[] = []
  for (let i = 0; i < sorted.length; ) {
    let last = i
    while (last + 1 < sorted.length && sorted[last + 1] === sorted[last] + 1) last++
    ranges.push(last === i ? `${sorted[i]}` : `${sorted[i]}-${sorted[last]}`)
    i = last + 1
  }
  return ranges.join(',')
}

/** The ids of `1-20,25`. */
export function idsOf(held: string): number[] {
  if (held === '') return []
  return held.split(',').flatMap(range => {
    const [from, to = from] = range.split('-').map(Number)
    return Array.from({ length: to - from + 1 }, (_, i) => from + i)
  })
}
