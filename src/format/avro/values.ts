import { encodeUtf8 } from '../../batch/column.ts'
import { formatInterval } from '../../batch/interval.ts'
import { canonicalJson, JSON_DEPTH_MAX } from '../../batch/jsonb.ts'
import { fitDecimal, formatDecimal } from '../../batch/numeric.ts'
import { type Datum, type Decimal, type Interval, typeName } from '../../batch/types.ts'
import type { Arena } from '../arena.ts'
import { ByteWriter } from '../byte-writer.ts'
import type { Slot } from '../slot.ts'
import type { TextReader } from '../text-reader.ts'
import { textFault } from '../utf8.ts'
import { type AvroType, microsPerUnit } from './schema.ts'

/** Items of an array whose items take no bytes are not bounded by the record's length. */
const EMPTY_ITEMS_MAX = 1_000_000
const NUMBERS = new Set(['smallint', 'integer', 'bigint', 'real', 'double', 'numeric'])
const QUOTE = 34

/**
 * Reads any Avro value (specification, "Binary Encoding") into a column of any type that can hold it; what generated readers fall back
 * on. Methods take the index of a value and answer the one after it, or −1 with a reason.
 */
export class AvroValues {
  reason = ''
  /** The record: values must end at `end`. */
  bytes: Uint8Array = new Uint8Array(0)
  end = 0
  /** What `long` read last. */
  #long = 0n
  #depth = 0
  readonly #texts: TextReader
  readonly #arena: Arena
  readonly #scratch = new ByteWriter()

  constructor(texts: TextReader, arena: Arena) {
    this.#texts = texts
    this.#arena = arena
  }

  enter(bytes: Uint8Array, end: number): void {
    this.bytes = bytes
    this.end = end
    this.#depth = 0
  }

  fail(reason: string): -1 {
    this.reason = reason
    return -1
  }

  /** The record ends before its value does. */
  short(): -1 {
    return this.fail('the record ends within a value: it was written with another schema, or is damaged')
  }

  value(type: AvroType, slot: Slot, row: number, at: number): number {
    if (type.kind === 'union') {
      const after = this.#index(type.branches.length, 'union', at)
      return after < 0 ? after : this.value(type.branches[Number(this.#long)], slot, row, after)
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
      if (++this.#depth > JSON_DEPTH_MAX) return this.#tooDeep()
      const after = this.#nested(type, slot, row, at)
      this.#depth--
      return after
    }
    if (slot.children.length > 0) return this.#mismatch(type, slot)
    return this.#scalarInto(type, slot, row, at)
  }

  skip(type: AvroType, at: number): number {
    switch (type.kind) {
      case 'null':
        return at
      case 'boolean':
        return this.#past(at, 1)
      case 'int':
      case 'long':
      case 'enum':
        return this.#varint(at)
      case 'float':
        return this.#past(at, 4)
      case 'double':
        return this.#past(at, 8)
      case 'fixed':
        return this.#past(at, type.size)
      case 'bytes':
      case 'string':
        return this.#sized(at)
      case 'union': {
        const after = this.#index(type.branches.length, 'union', at)
        return after < 0 ? after : this.skip(type.branches[Number(this.#long)], after)
      }
      case 'array':
        return this.#blocks(at, item => this.skip(type.items, item))
      case 'map':
        return this.#blocks(at, entry => {
          const value = this.#sized(entry)
          return value < 0 ? value : this.skip(type.values, value)
        })
      case 'record': {
        if (++this.#depth > JSON_DEPTH_MAX) return this.#tooDeep()
        let next = at
        for (const field of type.fields) {
          next = this.skip(field.type, next)
          if (next < 0) return next
        }
        this.#depth--
        return next
      }
    }
  }

  #tooDeep(): -1 {
    return this.fail(`values are nested more than ${JSON_DEPTH_MAX} deep`)
  }

  #mismatch(type: AvroType, slot: Slot): -1 {
    return this.fail(`column "${slot.name}": an Avro ${type.kind} is no ${typeName(slot.type)}`)
  }

  #past(at: number, count: number): number {
    return at + count > this.end ? this.short() : at + count
  }

  /** A zigzag integer into #long. */
  #varint(at: number): number {
    let value = 0n
    for (let i = 0; i < 10; i++) {
      if (at + i >= this.end) return this.short()
      const byte = this.bytes[at + i]
      value |= BigInt(byte & 127) << BigInt(7 * i)
      if (byte > 127) continue
      this.#long = BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n))
      return at + i + 1
    }
    return this.fail('an integer has more than ten bytes: the record was written with another schema, or is damaged')
  }

  #index(count: number, what: string, at: number): number {
    const after = this.#varint(at)
    if (after < 0 || (this.#long >= 0n && this.#long < BigInt(count))) return after
    return this.fail(`${what} has no branch ${this.#long}: the record was written with another schema, or is damaged`)
  }

  /** A length and so many bytes; they begin #long before the answer. */
  #sized(at: number): number {
    const start = this.#varint(at)
    if (start < 0) return start
    if (this.#long < 0n || this.#long > BigInt(this.end - start)) return this.short()
    return start + Number(this.#long)
  }

  #blocks(at: number, item: (at: number) => number): number {
    let left = EMPTY_ITEMS_MAX + this.end - at
    let next = at
    for (;;) {
      next = this.#varint(next)
      if (next < 0) return next
      let count = this.#long
      if (count === 0n) return next
      if (count < 0n) {
        count = -count
        next = this.#varint(next)
        if (next < 0) return next
      }
      if (count > BigInt(left)) return this.fail(`an array or map claims ${count} items, more than a record can hold`)
      left -= Number(count)
      for (let i = Number(count); i > 0; i--) {
        next = item(next)
        if (next < 0) return next
      }
    }
  }

  #nested(type: Extract<AvroType, { kind: 'array' | 'map' | 'record' }>, slot: Slot, row: number, at: number): number {
    const { children } = slot
    const values: Datum[] = []
    const datum = (child: Slot): Datum => child.datum(0, this.bytes, this.#arena.bytes)
    let after = at
    if (type.kind === 'array') {
      after = this.#blocks(at, item => {
        const next = this.value(type.items, children[0], 0, item)
        if (next >= 0) values.push(datum(children[0]))
        return next
      })
    } else if (type.kind === 'map') {
      const key: AvroType = { kind: 'string' }
      const entries = new Map<Datum, Datum>()
      after = this.#blocks(at, entry => {
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
        after = child < 0 ? this.skip(field.type, after) : this.value(field.type, children[child], 0, after)
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
      const end = type.kind === 'fixed' ? this.#past(at, type.size) : this.#sized(at)
      if (end < 0) return end
      const start = end - (type.kind === 'fixed' ? type.size : Number(this.#long))
      if (wanted.kind === 'bytea') {
        slot.setText(row, start, end)
        return end
      }
      const fault = textFault(this.bytes, start, end)
      if (fault !== undefined) return this.fail(`column "${slot.name}": ${fault}`)
      return this.#texts.set(slot, row, this.bytes, start, end, false) ? end : this.fail(this.#texts.reason)
    }
    if (type.kind !== 'enum' && type.kind !== 'boolean') {
      const { logical } = type
      if (logical === 'duration' && wanted.kind === 'interval') {
        const after = this.#past(at, 12)
        if (after >= 0) slot.boxed[row] = this.#duration(at)
        return after
      }
      if (logical === 'decimal' && wanted.kind === 'numeric') {
        const { value, after } = this.#decimal(type, at)
        if (after < 0) return after
        try {
          slot.boxed[row] = fitDecimal(value, wanted.precision, wanted.scale)
        } catch {
          return this.fail(
            `column "${slot.name}": ${formatDecimal(value)} is out of range for type ${typeName(wanted)}`,
          )
        }
        return after
      }
    }
    const out = this.#scratch
    out.at = 0
    const after = this.#text(type, at, out, NUMBERS.has(wanted.kind))
    if (after < 0) return after
    const from = this.#arena.copy(out.bytes, 0, out.at)
    const set = this.#texts.set(slot, row, this.#arena.bytes, from, this.#arena.end, true)
    return set ? after : this.fail(this.#texts.reason)
  }

  /** A scalar's text, for a text or any reader of texts; `plain`: the number as it stands, without its logical type. */
  #text(type: Scalar, at: number, out: ByteWriter, plain: boolean): number {
    const view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length)
    switch (type.kind) {
      case 'boolean': {
        const after = this.#past(at, 1)
        if (after < 0) return after
        if (this.bytes[at] > 1) return this.fail(`a boolean is ${this.bytes[at]}`)
        out.string(this.bytes[at] === 1 ? 'true' : 'false')
        return after
      }
      case 'float': {
        const after = this.#past(at, 4)
        if (after >= 0) out.real(view.getFloat32(at, true))
        return after
      }
      case 'double': {
        const after = this.#past(at, 8)
        if (after >= 0) out.double(view.getFloat64(at, true))
        return after
      }
      case 'enum': {
        const after = this.#index(type.symbols.length, `enum ${type.name}`, at)
        if (after >= 0) out.string(type.symbols[Number(this.#long)])
        return after
      }
      case 'int':
      case 'long': {
        const after = this.#varint(at)
        if (after < 0) return after
        if (plain || type.logical === undefined) out.string(String(this.#long))
        else writeTime(type.logical, this.#long, out)
        return after
      }
      case 'string': {
        const after = this.#sized(at)
        if (after >= 0) out.raw(this.bytes, after - Number(this.#long), after)
        return after
      }
      default: {
        if (type.logical === 'decimal') {
          const { value, after } = this.#decimal(type, at)
          if (after >= 0) out.string(formatDecimal(value))
          return after
        }
        const after = type.kind === 'fixed' ? this.#past(at, type.size) : this.#sized(at)
        if (after < 0) return after
        const start = after - (type.kind === 'fixed' ? type.size : Number(this.#long))
        const raw = Buffer.from(this.bytes.subarray(start, after))
        if (type.logical === 'duration') out.string(formatInterval(this.#duration(start)))
        else if (type.logical === 'uuid')
          out.string(raw.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'))
        else out.string(raw.toString('base64'))
        return after
      }
    }
  }

  #duration(at: number): Interval {
    const view = new DataView(this.bytes.buffer, this.bytes.byteOffset + at, 12)
    return { months: view.getUint32(0, true), days: view.getUint32(4, true), micros: view.getUint32(8, true) * 1000 }
  }

  /** Big-endian two's complement. */
  #decimal(type: Scalar, at: number): { value: Decimal; after: number } {
    const after = type.kind === 'fixed' ? this.#past(at, type.size) : this.#sized(at)
    if (after < 0) return { value: { unscaled: 0n, scale: 0 }, after }
    const length = type.kind === 'fixed' ? type.size : Number(this.#long)
    const hex = Buffer.from(this.bytes.subarray(after - length, after)).toString('hex')
    const unscaled = BigInt.asIntN(8 * length, BigInt(`0x${hex === '' ? '0' : hex}`))
    const scale = (type.kind === 'fixed' || type.kind === 'bytes') && type.scale !== undefined ? type.scale : 0
    return { value: { unscaled, scale }, after }
  }

  #jsonb(type: AvroType, slot: Slot, row: number, at: number): number {
    const out = new ByteWriter()
    const after = this.#json(type, at, out)
    if (after < 0) return after
    const text = canonicalJson(Buffer.from(out.bytes.buffer, 0, out.at).toString())
    if (text === undefined) return this.fail(`column "${slot.name}": jsonb cannot hold NUL`)
    const made = encodeUtf8(text)
    const start = this.#arena.copy(made, 0, made.length)
    slot.setText(row, ~start, this.#arena.end)
    return after
  }

  /** A value as JSON: of a union its branch, bytes in Base64, times in ISO 8601, decimals as numbers. */
  #json(type: AvroType, at: number, out: ByteWriter): number {
    switch (type.kind) {
      case 'null':
        out.string('null')
        return at
      case 'union': {
        const after = this.#index(type.branches.length, 'union', at)
        return after < 0 ? after : this.#json(type.branches[Number(this.#long)], after, out)
      }
      case 'array': {
        if (++this.#depth > JSON_DEPTH_MAX) return this.#tooDeep()
        let separator = 91
        const after = this.#blocks(at, item => {
          out.byte(separator)
          separator = 44
          return this.#json(type.items, item, out)
        })
        if (separator === 91) out.byte(91)
        out.byte(93)
        this.#depth--
        return after
      }
      case 'map':
      case 'record': {
        if (++this.#depth > JSON_DEPTH_MAX) return this.#tooDeep()
        let separator = 123
        const begin = (): void => {
          out.byte(separator)
          separator = 44
        }
        let after = at
        if (type.kind === 'map') {
          after = this.#blocks(at, entry => {
            begin()
            const value = this.#string(entry, out)
            if (value < 0) return value
            out.byte(58)
            return this.#json(type.values, value, out)
          })
        } else {
          for (const field of type.fields) {
            begin()
            out.string(`${JSON.stringify(field.name)}:`)
            after = this.#json(field.type, after, out)
            if (after < 0) return after
          }
        }
        if (separator === 123) out.byte(123)
        out.byte(125)
        this.#depth--
        return after
      }
      case 'string':
        return this.#string(at, out)
      default: {
        const number = type.kind !== 'enum' && type.kind !== 'boolean' && isNumber(type)
        if (number || type.kind === 'boolean') {
          const from = out.at
          const after = this.#text(type, at, out, false)
          // NaN and the infinities are words, which JSON has only as strings.
          if (after >= 0 && out.bytes[out.at - 1] > 57 && type.kind !== 'boolean') {
            const word = Buffer.from(out.bytes.subarray(from, out.at)).toString()
            out.at = from
            out.string(JSON.stringify(word))
          }
          return after
        }
        out.byte(QUOTE)
        const after = this.#text(type, at, out, false)
        out.byte(QUOTE)
        return after
      }
    }
  }

  #string(at: number, out: ByteWriter): number {
    const after = this.#sized(at)
    if (after < 0) return after
    const start = after - Number(this.#long)
    const fault = textFault(this.bytes, start, after)
    if (fault !== undefined) return this.fail(fault)
    out.jsonString(this.bytes, start, after)
    return after
  }
}

type Scalar = Exclude<AvroType, { kind: 'null' | 'union' | 'array' | 'map' | 'record' }>

function isNumber(type: Exclude<Scalar, { kind: 'enum' }>): boolean {
  if (type.kind === 'float' || type.kind === 'double') return true
  return type.kind === 'int' || type.kind === 'long' ? type.logical === undefined : type.logical === 'decimal'
}

function writeTime(logical: string, value: bigint, out: ByteWriter): void {
  if (logical === 'date') {
    out.date(Number(value))
    return
  }
  const unit = microsPerUnit(logical) ?? 1
  const micros = unit < 1 ? floorDivide(value, 1000n) : value * BigInt(unit)
  if (logical.startsWith('time-')) {
    out.time(Number(micros))
    return
  }
  out.timestamp(Number(BigInt.asIntN(32, micros)), Number(BigInt.asIntN(32, micros >> 32n)))
  if (logical.startsWith('timestamp-')) out.byte(90)
}

function floorDivide(a: bigint, b: bigint): bigint {
  return a / b - (a % b < 0n ? 1n : 0n)
}
