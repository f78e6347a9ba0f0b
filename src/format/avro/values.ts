import { encodeUtf8 } from '../../batch/column.ts'
import { canonicalJson, JSON_DEPTH_MAX } from '../../batch/jsonb.ts'
import { fitDecimal, formatDecimal } from '../../batch/numeric.ts'
import { type Datum, typeName } from '../../batch/types.ts'
import type { Arena } from '../arena.ts'
import { ByteWriter } from '../byte-writer.ts'
import type { Slot } from '../slot.ts'
import type { TextReader } from '../text-reader.ts'
import { textFault } from '../utf8.ts'
import type { AvroCursor } from './cursor.ts'
import type { AvroType } from './schema.ts'
import { AvroTexts, type Scalar } from './texts.ts'

const NUMBERS = new Set(['smallint', 'integer', 'bigint', 'real', 'double', 'numeric'])

/**
 * Reads any Avro value into a column of any type that can hold it; what generated readers fall back on. Methods take the index of a
 * value and answer the one after it, or −1 with a reason in the cursor.
 */
export class AvroValues {
  readonly #cursor: AvroCursor
  readonly #written: AvroTexts
  readonly #texts: TextReader
  readonly #arena: Arena
  readonly #scratch = new ByteWriter()

  constructor(cursor: AvroCursor, texts: TextReader, arena: Arena) {
    this.#cursor = cursor
    this.#written = new AvroTexts(cursor)
    this.#texts = texts
    this.#arena = arena
  }

  value(type: AvroType, slot: Slot, row: number, at: number): number {
    if (type.kind === 'union') {
      const after = this.#cursor.index(type.branches.length, 'union', at)
      return after < 0 ? after : this.value(type.branches[Number(this.#cursor.long)], slot, row, after)
    }
    if (type.kind === 'null') {
      slot.setNull(row)
      return at
    }
    const wanted = slot.type.kind
    if (wanted === 'jsonb') return this.#jsonb(type, slot, row, at)
    if (type.kind === 'array' || type.kind === 'map' || type.kind === 'record') {
      const fits = wanted === (type.kind === 'record' ? 'row' : type.kind)
      if (!fits) return this.#mismatch(type, slot)
      if (++this.#cursor.depth > JSON_DEPTH_MAX) return this.#cursor.tooDeep()
      const after = this.#nested(type, slot, row, at)
      this.#cursor.depth--
      return after
    }
    if (slot.children.length > 0) return this.#mismatch(type, slot)
    return this.#scalarInto(type, slot, row, at)
  }

  #mismatch(type: AvroType, slot: Slot): -1 {
    return this.#cursor.fail(`column "${slot.name}": an Avro ${type.kind} is no ${typeName(slot.type)}`)
  }

  #nested(type: Extract<AvroType, { kind: 'array' | 'map' | 'record' }>, slot: Slot, row: number, at: number): number {
    const { children } = slot
    const values: Datum[] = []
    const datum = (child: Slot): Datum => child.datum(0, this.#cursor.bytes, this.#arena.bytes)
    let after = at
    if (type.kind === 'array') {
      after = this.#cursor.blocks(at, item => {
        const next = this.value(type.items, children[0], 0, item)
        if (next >= 0) values.push(datum(children[0]))
        return next
      })
    } else if (type.kind === 'map') {
      const key: AvroType = { kind: 'string' }
      const entries = new Map<Datum, Datum>()
      after = this.#cursor.blocks(at, entry => {
        const value = this.value(key, children[0], 0, entry)
        if (value < 0) return value
        const name = datum(children[0])
        const next = this.value(type.values, children[1], 0, value)
        if (next >= 0) entries.set(name, datum(children[1]))
        return next
      })
      values.push(...entries)
    } else {
      for (const _ of children) values.push(null)
      for (const field of type.fields) {
        const index = children.findIndex(c => c.name === field.name)
        const child = index >= 0 ? index : children.findIndex(c => c.name === field.name.toLowerCase())
        after = child < 0 ? this.#cursor.skip(field.type, after) : this.value(field.type, children[child], 0, after)
        if (after < 0) return after
        if (child >= 0) values[child] = datum(children[child])
      }
    }
    if (after >= 0) slot.boxed[row] = values
    return after
  }

  #scalarInto(type: Scalar, slot: Slot, row: number, at: number): number {
    const wanted = slot.type
    if (type.kind === 'string' || ((type.kind === 'bytes' || type.kind === 'fixed') && type.logical === undefined)) {
      const end = type.kind === 'fixed' ? this.#cursor.past(at, type.size) : this.#cursor.sized(at)
      if (end < 0) return end
      const start = end - (type.kind === 'fixed' ? type.size : Number(this.#cursor.long))
      if (wanted.kind === 'bytea') {
        slot.setText(row, start, end)
        return end
      }
      const fault = textFault(this.#cursor.bytes, start, end)
      if (fault !== undefined) return this.#cursor.fail(`column "${slot.name}": ${fault}`)
      return this.#texts.set(slot, row, this.#cursor.bytes, start, end, false)
        ? end
        : this.#cursor.fail(this.#texts.reason)
    }
    if (type.kind !== 'enum' && type.kind !== 'boolean') {
      const { logical } = type
      if (logical === 'duration' && wanted.kind === 'interval') {
        const after = this.#cursor.past(at, 12)
        if (after >= 0) slot.boxed[row] = this.#written.duration(at)
        return after
      }
      if (logical === 'decimal' && wanted.kind === 'numeric') {
        const { value, after } = this.#written.decimal(type, at)
        if (after < 0) return after
        try {
          slot.boxed[row] = fitDecimal(value, wanted.precision, wanted.scale)
        } catch {
          return this.#cursor.fail(
            `column "${slot.name}": ${formatDecimal(value)} is out of range for type ${typeName(wanted)}`,
          )
        }
        return after
      }
    }
    const out = this.#scratch
    out.at = 0
    const after = this.#written.text(type, at, out, NUMBERS.has(wanted.kind))
    if (after < 0) return after
    const from = this.#arena.copy(out.bytes, 0, out.at)
    const set = this.#texts.set(slot, row, this.#arena.bytes, from, this.#arena.end, true)
    return set ? after : this.#cursor.fail(this.#texts.reason)
  }

  #jsonb(type: AvroType, slot: Slot, row: number, at: number): number {
    const out = new ByteWriter()
    const after = this.#written.json(type, at, out)
    if (after < 0) return after
    const text = canonicalJson(Buffer.from(out.bytes.buffer, 0, out.at).toString())
    if (text === undefined) return this.#cursor.fail(`column "${slot.name}": jsonb cannot hold NUL`)
    const made = encodeUtf8(text)
    const start = this.#arena.copy(made, 0, made.length)
    slot.setText(row, ~start, this.#arena.end)
    return after
  }
}
