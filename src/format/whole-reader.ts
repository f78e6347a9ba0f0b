import { EngineError } from '../base/errors.ts'
import type { ValueReader, Verdict } from './row-decoder.ts'
import type { Slot } from './slot.ts'
import type { TextReader } from './text-reader.ts'
import { textFault } from './utf8.ts'

/** Formats `text` and `bytes`: the whole value is the one column. */
export class WholeReader implements ValueReader {
  reason = ''
  readonly #slot: Slot | undefined
  readonly #texts: TextReader

  constructor(format: 'text' | 'bytes', slots: readonly Slot[], texts: TextReader) {
    if (slots.length > 1 || (format === 'bytes' && slots.some(s => s.type.kind !== 'bytea'))) {
      const needs = format === 'bytes' ? 'one column of type bytea' : 'one column'
      throw new EngineError('42804', `format ${format} fills ${needs}`, { hint: 'Use format json or csv for several.' })
    }
    this.#slot = slots.at(0)
    this.#texts = texts
  }

  read(bytes: Uint8Array, start: number, end: number, row: number): Verdict {
    const slot = this.#slot
    if (slot === undefined) return 'row'
    if (slot.type.kind === 'bytea') {
      slot.setText(row, start, end)
      return 'row'
    }
    const fault = textFault(bytes, start, end)
    if (fault !== undefined) {
      this.reason = `column "${slot.name}": ${fault}`
      return 'bad'
    }
    const done = this.#texts.set(slot, row, bytes, start, end, false)
    if (done) return 'row'
    this.reason = this.#texts.reason
    return 'bad'
  }
}
