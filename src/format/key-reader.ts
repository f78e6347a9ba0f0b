import type { Arena } from './arena.ts'
import { JsonDecoder } from './json-decoder.ts'
import { pathTree } from './json-path.ts'
import type { ValueReader, Verdict } from './row-decoder.ts'
import type { Slot } from './slot.ts'
import type { TextReader } from './text-reader.ts'
import { textFault } from './utf8.ts'

const BRACE = 123

/**
 * The columns that a record's key holds: one column as the key's own text (Kafka Connect's string, ksqlDB's kafka format), or an object
 * with a member for each, `{"id": 1}`, which is told by its brace; Kafka Connect may put that into the `payload` of another.
 */
export class KeyReader implements ValueReader {
  reason = ''
  readonly #slots: readonly Slot[]
  readonly #texts: TextReader
  readonly #json: JsonDecoder

  constructor(slots: readonly Slot[], texts: TextReader, arena: Arena) {
    const places = slots.flatMap(slot =>
      [undefined, `$.payload.${JSON.stringify(slot.name)}`].map(path => ({ slot, path })),
    )
    const { root, loose } = pathTree(places)
    this.#slots = slots
    this.#texts = texts
    this.#json = new JsonDecoder(root, loose, slots, texts, arena)
  }

  read(bytes: Uint8Array, start: number, end: number, row: number): Verdict {
    // The value may have had none of them.
    for (const slot of this.#slots) if (slot.storage !== 'boxed') slot.valid[row] = 1
    const isObject = end - start > 1 && bytes[start] === BRACE
    if (!isObject && this.#slots.length === 1) return this.#readText(this.#slots[0], bytes, start, end, row)
    const verdict = this.#json.read(bytes, start, end, row)
    if (verdict === 'bad') this.reason = `key: ${this.#json.reason}`
    return verdict
  }

  #readText(slot: Slot, bytes: Uint8Array, start: number, end: number, row: number): Verdict {
    if (slot.type.kind === 'bytea') {
      slot.setText(row, start, end)
      return 'row'
    }
    const fault = textFault(bytes, start, end)
    if (fault === undefined && this.#texts.set(slot, row, bytes, start, end, false)) return 'row'
    this.reason = `key: ${fault ?? this.#texts.reason}`
    return 'bad'
  }
}
