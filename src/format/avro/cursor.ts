import { JSON_DEPTH_MAX } from '../../batch/jsonb.ts'
import type { AvroType } from './schema.ts'

/** Items of an array whose items take no bytes are not bounded by the record's length. */
const EMPTY_ITEMS_MAX = 1_000_000

/**
 * Steps through the binary encoding of Avro (specification, "Binary Encoding"). Methods take the index of something and answer the
 * one after it, or −1 with a reason.
 */
export class AvroCursor {
  reason = ''
  /** The record: values must end at `end`. */
  bytes: Uint8Array = new Uint8Array(0)
  end = 0
  /** What `varint`, `index` and `sized` read last. */
  long = 0n
  /** Of the value under way: how many others it lies in. */
  depth = 0

  enter(bytes: Uint8Array, end: number): void {
    this.bytes = bytes
    this.end = end
    this.depth = 0
  }

  fail(reason: string): -1 {
    this.reason = reason
    return -1
  }

  /** The record ends before its value does. */
  short(): -1 {
    return this.fail('the record ends within a value: it was written with another schema, or is damaged')
  }

  /** So many bytes further on. */
  past(at: number, count: number): number {
    return at + count > this.end ? this.short() : at + count
  }

  /** A zigzag integer into `long`. */
  varint(at: number): number {
    let value = 0n
    for (let i = 0; i < 10; i++) {
      if (at + i >= this.end) return this.short()
      const byte = this.bytes[at + i]
      value |= BigInt(byte & 127) << BigInt(7 * i)
      if (byte > 127) continue
      this.long = BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n))
      return at + i + 1
    }
    return this.fail('an integer has more than ten bytes: the record was written with another schema, or is damaged')
  }

  /** A zigzag integer into `long` that is one of `count` branches or symbols. */
  index(count: number, what: string, at: number): number {
    const after = this.varint(at)
    if (after < 0 || (this.long >= 0n && this.long < BigInt(count))) return after
    return this.fail(`${what} has no branch ${this.long}: the record was written with another schema, or is damaged`)
  }

  /** A length and so many bytes; they begin `long` before the answer. */
  sized(at: number): number {
    const start = this.varint(at)
    if (start < 0) return start
    if (this.long < 0n || this.long > BigInt(this.end - start)) return this.short()
    return start + Number(this.long)
  }

  /** Items of an array or entries of a map, each read by `item`. */
  blocks(at: number, item: (at: number) => number): number {
    let left = EMPTY_ITEMS_MAX + this.end - at
    let next = at
    for (;;) {
      next = this.varint(next)
      if (next < 0) return next
      let count = this.long
      if (count === 0n) return next
      if (count < 0n) {
        count = -count
        next = this.varint(next)
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

  /** Steps over a value. */
  skip(type: AvroType, at: number): number {
    switch (type.kind) {
      case 'null':
        return at
      case 'boolean':
        return this.past(at, 1)
      case 'int':
      case 'long':
      case 'enum':
        return this.varint(at)
      case 'float':
        return this.past(at, 4)
      case 'double':
        return this.past(at, 8)
      case 'fixed':
        return this.past(at, type.size)
      case 'bytes':
      case 'string':
        return this.sized(at)
      case 'union': {
        const after = this.index(type.branches.length, 'union', at)
        return after < 0 ? after : this.skip(type.branches[Number(this.long)], after)
      }
      case 'array':
        return this.blocks(at, item => this.skip(type.items, item))
      case 'map':
        return this.blocks(at, entry => {
          const value = this.sized(entry)
          return value < 0 ? value : this.skip(type.values, value)
        })
      case 'record': {
        if (++this.depth > JSON_DEPTH_MAX) return this.tooDeep()
        let next = at
        for (const field of type.fields) {
          next = this.skip(field.type, next)
          if (next < 0) return next
        }
        this.depth--
        return next
      }
    }
  }

  tooDeep(): -1 {
    return this.fail(`values are nested more than ${JSON_DEPTH_MAX} deep`)
  }
}
