import { formatInterval } from '../../batch/interval.ts'
import { JSON_DEPTH_MAX } from '../../batch/jsonb.ts'
import { formatDecimal } from '../../batch/numeric.ts'
import type { Decimal, Interval } from '../../batch/types.ts'
import type { ByteWriter } from '../byte-writer.ts'
import { textFault } from '../utf8.ts'
import type { AvroCursor } from './cursor.ts'
import { type AvroType, microsPerUnit } from './schema.ts'

const QUOTE = 34

/** An Avro type without others in it. */
export type Scalar = Exclude<AvroType, { kind: 'null' | 'union' | 'array' | 'map' | 'record' }>

/** Writes Avro values as text and as JSON. Methods take the index of a value and answer the one after it, or −1 with a reason in the cursor. */
export class AvroTexts {
  readonly #cursor: AvroCursor

  constructor(cursor: AvroCursor) {
    this.#cursor = cursor
  }

  /** A scalar's text, for a text or any reader of texts; `plain`: the number as it stands, without its logical type. */
  text(type: Scalar, at: number, out: ByteWriter, plain: boolean): number {
    const view = new DataView(this.#cursor.bytes.buffer, this.#cursor.bytes.byteOffset, this.#cursor.bytes.length)
    switch (type.kind) {
      case 'boolean': {
        const after = this.#cursor.past(at, 1)
        if (after < 0) return after
        if (this.#cursor.bytes[at] > 1) return this.#cursor.fail(`a boolean is ${this.#cursor.bytes[at]}`)
        out.string(this.#cursor.bytes[at] === 1 ? 'true' : 'false')
        return after
      }
      case 'float': {
        const after = this.#cursor.past(at, 4)
        if (after >= 0) out.real(view.getFloat32(at, true))
        return after
      }
      case 'double': {
        const after = this.#cursor.past(at, 8)
        if (after >= 0) out.double(view.getFloat64(at, true))
        return after
      }
      case 'enum': {
        const after = this.#cursor.index(type.symbols.length, `enum ${type.name}`, at)
        if (after >= 0) out.string(type.symbols[Number(this.#cursor.long)])
        return after
      }
      case 'int':
      case 'long': {
        const after = this.#cursor.varint(at)
        if (after < 0) return after
        if (plain || type.logical === undefined) out.string(String(this.#cursor.long))
        else writeTime(type.logical, this.#cursor.long, out)
        return after
      }
      case 'string': {
        const after = this.#cursor.sized(at)
        if (after >= 0) out.raw(this.#cursor.bytes, after - Number(this.#cursor.long), after)
        return after
      }
      default: {
        if (type.logical === 'decimal') {
          const { value, after } = this.decimal(type, at)
          if (after >= 0) out.string(formatDecimal(value))
          return after
        }
        const after = type.kind === 'fixed' ? this.#cursor.past(at, type.size) : this.#cursor.sized(at)
        if (after < 0) return after
        const start = after - (type.kind === 'fixed' ? type.size : Number(this.#cursor.long))
        const raw = Buffer.from(this.#cursor.bytes.subarray(start, after))
        if (type.logical === 'duration') out.string(formatInterval(this.duration(start)))
        else if (type.logical === 'uuid')
          out.string(raw.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'))
        else out.string(raw.toString('base64'))
        return after
      }
    }
  }

  /** Months, days and milliseconds. */
  duration(at: number): Interval {
    const view = new DataView(this.#cursor.bytes.buffer, this.#cursor.bytes.byteOffset + at, 12)
    return { months: view.getUint32(0, true), days: view.getUint32(4, true), micros: view.getUint32(8, true) * 1000 }
  }

  /** Big-endian two's complement. */
  decimal(type: Scalar, at: number): { value: Decimal; after: number } {
    const after = type.kind === 'fixed' ? this.#cursor.past(at, type.size) : this.#cursor.sized(at)
    if (after < 0) return { value: { unscaled: 0n, scale: 0 }, after }
    const length = type.kind === 'fixed' ? type.size : Number(this.#cursor.long)
    const hex = Buffer.from(this.#cursor.bytes.subarray(after - length, after)).toString('hex')
    const unscaled = BigInt.asIntN(8 * length, BigInt(`0x${hex === '' ? '0' : hex}`))
    const scale = (type.kind === 'fixed' || type.kind === 'bytes') && type.scale !== undefined ? type.scale : 0
    return { value: { unscaled, scale }, after }
  }

  /** A value as JSON: of a union its branch, bytes in Base64, times in ISO 8601, decimals as numbers. */
  json(type: AvroType, at: number, out: ByteWriter): number {
    switch (type.kind) {
      case 'null':
        out.string('null')
        return at
      case 'union': {
        const after = this.#cursor.index(type.branches.length, 'union', at)
        return after < 0 ? after : this.json(type.branches[Number(this.#cursor.long)], after, out)
      }
      case 'array': {
        if (++this.#cursor.depth > JSON_DEPTH_MAX) return this.#cursor.tooDeep()
        let separator = 91
        const after = this.#cursor.blocks(at, item => {
          out.byte(separator)
          separator = 44
          return this.json(type.items, item, out)
        })
        if (separator === 91) out.byte(91)
        out.byte(93)
        this.#cursor.depth--
        return after
      }
      case 'map':
      case 'record': {
        if (++this.#cursor.depth > JSON_DEPTH_MAX) return this.#cursor.tooDeep()
        let separator = 123
        const begin = (): void => {
          out.byte(separator)
          separator = 44
        }
        let after = at
        if (type.kind === 'map') {
          after = this.#cursor.blocks(at, entry => {
            begin()
            const value = this.#string(entry, out)
            if (value < 0) return value
            out.byte(58)
            return this.json(type.values, value, out)
          })
        } else {
          for (const field of type.fields) {
            begin()
            out.string(`${JSON.stringify(field.name)}:`)
            after = this.json(field.type, after, out)
            if (after < 0) return after
          }
        }
        if (separator === 123) out.byte(123)
        out.byte(125)
        this.#cursor.depth--
        return after
      }
      case 'string':
        return this.#string(at, out)
      default: {
        const number = type.kind !== 'enum' && type.kind !== 'boolean' && isNumber(type)
        if (number || type.kind === 'boolean') {
          const from = out.at
          const after = this.text(type, at, out, false)
          // NaN and the infinities are words, which JSON has only as strings.
          if (after >= 0 && out.bytes[out.at - 1] > 57 && type.kind !== 'boolean') {
            const word = Buffer.from(out.bytes.subarray(from, out.at)).toString()
            out.at = from
            out.string(JSON.stringify(word))
          }
          return after
        }
        out.byte(QUOTE)
        const after = this.text(type, at, out, false)
        out.byte(QUOTE)
        return after
      }
    }
  }

  #string(at: number, out: ByteWriter): number {
    const after = this.#cursor.sized(at)
    if (after < 0) return after
    const start = after - Number(this.#cursor.long)
    const fault = textFault(this.#cursor.bytes, start, after)
    if (fault !== undefined) return this.#cursor.fail(fault)
    out.jsonString(this.#cursor.bytes, start, after)
    return after
  }
}

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
