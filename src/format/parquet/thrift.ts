/** Thrift's compact protocol, as far as Parquet's footers and page headers use it: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md */
import { unreachable } from '../../base/assert.ts'
import { EngineError } from '../../base/errors.ts'
import { decodeUtf8, encodeUtf8 } from '../../batch/column.ts'
import type { Bytes } from './bytes.ts'

/** What is written: fields by their number, in order; undefined ones are left out. */
export type ThriftFields = readonly (readonly [id: number, value: ThriftValue | undefined])[]

export type ThriftValue =
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'i8' | 'i16' | 'i32' | 'i64'; readonly value: number }
  | { readonly kind: 'binary'; readonly value: Uint8Array }
  | { readonly kind: 'list'; readonly of: 'i32' | 'binary' | 'struct'; readonly values: readonly ThriftValue[] }
  | { readonly kind: 'struct'; readonly fields: ThriftFields }

const CODES = { bool: 1, i8: 3, i16: 4, i32: 5, i64: 6, binary: 8, list: 9, struct: 12 } as const

export const i32 = (value: number): ThriftValue => ({ kind: 'i32', value })
export const i64 = (value: number): ThriftValue => ({ kind: 'i64', value })
export const bool = (value: boolean): ThriftValue => ({ kind: 'bool', value })
export const binary = (value: Uint8Array): ThriftValue => ({ kind: 'binary', value })
export const text = (value: string): ThriftValue => ({ kind: 'binary', value: encodeUtf8(value) })
export const struct = (fields: ThriftFields): ThriftValue => ({ kind: 'struct', fields })
export const list = (of: 'i32' | 'binary' | 'struct', values: readonly ThriftValue[]): ThriftValue => ({
  kind: 'list',
  of,
  values,
})

export function writeStruct(out: Bytes, fields: ThriftFields): void {
  let last = 0
  for (const [id, value] of fields) {
    if (value === undefined) continue
    const code = value.kind === 'bool' && !value.value ? 2 : CODES[value.kind]
    if (id - last < 16) out.byte(((id - last) << 4) | code)
    else {
      out.byte(code)
      out.zigzag(id)
    }
    last = id
    if (value.kind !== 'bool') writeValue(out, value)
  }
  out.byte(0)
}

function writeValue(out: Bytes, value: ThriftValue): void {
  switch (value.kind) {
    case 'bool':
    case 'i8':
      out.byte(Number(value.value) & 255)
      break
    case 'i16':
    case 'i32':
    case 'i64':
      out.zigzag(value.value)
      break
    case 'binary':
      out.varint(value.value.length)
      out.append(value.value)
      break
    case 'list': {
      const count = value.values.length
      if (count < 15) out.byte((count << 4) | CODES[value.of])
      else {
        out.byte(0xf0 | CODES[value.of])
        out.varint(count)
      }
      for (const each of value.values) writeValue(out, each)
      break
    }
    case 'struct':
      writeStruct(out, value.fields)
      break
    default:
      unreachable(value)
  }
}

/** What is read: any struct, its fields by number, asked for by the type that they should have. */
export class ThriftStruct {
  readonly #fields: ReadonlyMap<number, unknown>

  constructor(fields: ReadonlyMap<number, unknown>) {
    this.#fields = fields
  }

  number(id: number): number | undefined {
    const value = this.#fields.get(id)
    return typeof value === 'number' ? value : undefined
  }

  boolean(id: number): boolean | undefined {
    const value = this.#fields.get(id)
    return typeof value === 'boolean' ? value : undefined
  }

  text(id: number): string | undefined {
    const value = this.#fields.get(id)
    return value instanceof Uint8Array ? decodeUtf8(value, 0, value.length) : undefined
  }

  struct(id: number): ThriftStruct | undefined {
    const value = this.#fields.get(id)
    return value instanceof ThriftStruct ? value : undefined
  }

  structs(id: number): ThriftStruct[] {
    return this.#list(id).filter(each => each instanceof ThriftStruct)
  }

  texts(id: number): string[] {
    return this.#list(id).flatMap(each => (each instanceof Uint8Array ? [decodeUtf8(each, 0, each.length)] : []))
  }

  /** The number of the one field a union holds. */
  only(): number | undefined {
    return this.#fields.keys().next().value
  }

  #list(id: number): readonly unknown[] {
    const value = this.#fields.get(id)
    return Array.isArray(value) ? value : []
  }
}

const DEPTH_MAX = 64

/** Reads one struct that begins at `start`; where it ended. */
export function readStruct(bytes: Uint8Array, start: number): { readonly struct: ThriftStruct; readonly end: number } {
  const reader = new Reader(bytes, start)
  const struct = reader.struct(0)
  return { struct, end: reader.at }
}

class Reader {
  readonly #bytes: Uint8Array
  at: number

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes
    this.at = start
  }

  struct(depth: number): ThriftStruct {
    if (depth > DEPTH_MAX) throw damaged()
    const fields = new Map<number, unknown>()
    let id = 0
    for (;;) {
      const header = this.#byte()
      if (header === 0) return new ThriftStruct(fields)
      const type = header & 15
      id = header >> 4 === 0 ? this.#zigzag() : id + (header >> 4)
      fields.set(id, type === 1 ? true : type === 2 ? false : this.#value(type, depth))
    }
  }

  #value(type: number, depth: number): unknown {
    switch (type) {
      case 1:
      case 2:
        return this.#byte() === 1 // in a list
      case 3:
        return (this.#byte() << 24) >> 24
      case 4:
      case 5:
      case 6:
        return this.#zigzag()
      case 7:
        this.#take(8)
        return undefined // no field of Parquet's is a double
      case 8:
        return this.#take(this.#varint())
      case 9:
      case 10: {
        const header = this.#byte()
        const count = header >> 4 === 15 ? this.#varint() : header >> 4
        if (count > this.#bytes.length - this.at) throw damaged()
        return Array.from({ length: count }, () => this.#value(header & 15, depth + 1))
      }
      case 12:
        return this.struct(depth + 1)
      default:
        throw damaged()
    }
  }

  #byte(): number {
    if (this.at >= this.#bytes.length) throw damaged()
    return this.#bytes[this.at++]
  }

  #take(length: number): Uint8Array {
    if (!(length <= this.#bytes.length - this.at)) throw damaged()
    this.at += length
    return this.#bytes.subarray(this.at - length, this.at)
  }

  #varint(): number {
    let value = 0
    for (let scale = 1; scale < 2 ** 63; scale *= 128) {
      const byte = this.#byte()
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
    throw damaged()
  }

  /** Sizes and counts: numbers are wide enough. */
  #zigzag(): number {
    const value = this.#varint()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }
}

/** A file that says it is Parquet and is not. */
export function damaged(why = 'its structure cannot be read'): EngineError {
  return new EngineError('22000', `the Parquet file is damaged: ${why}`, { actor: 'external' })
}
