import type { Utf8Column, Validity } from '../batch/column.ts'
import { decodeUtf8, int64At, setInt64 } from '../batch/column.ts'
import { compareDecimals } from '../batch/numeric.ts'
import { compareFloats } from './compare.ts'
import { compareIntervals } from './interval.ts'

/** What generated code may call by name. */
export const KERNEL = {
  int64At,
  setInt64,
  decodeUtf8,
  compareFloats,
  compareDecimals,
  compareIntervals,
  equalBytes,
  compareBytes,
  copyBytes,
  allValid,
}

/** Text as a place in bytes, each part an expression in generated code. */
export interface TextRef {
  readonly bytes: string
  readonly start: string
  readonly end: string
  /** Its bytes when they are known now: comparisons with them are unrolled. */
  readonly constant?: Uint8Array
}

/** Compiles a function of generated source with the kernel's names and the given constants in scope. */
export function compileSource(constants: readonly string[], values: readonly unknown[], source: string): unknown {
  const names = Object.keys(KERNEL)
  const make: (...scope: unknown[]) => unknown = new Function(
    ...names,
    ...constants,
    `'use strict'; return ${source}`,
  ) as never // the one door to generated code
  return make(...Object.values(KERNEL), ...values)
}

function equalBytes(a: Uint8Array, s: number, e: number, b: Uint8Array, from: number, to: number): boolean {
  const length = e - s
  if (length !== to - from) return false
  for (let i = 0; i < length; i++) if (a[s + i] !== b[from + i]) return false
  return true
}

/** memcmp order, which for UTF-8 is the order of code points. */
function compareBytes(a: Uint8Array, s: number, e: number, b: Uint8Array, from: number, to: number): number {
  const left = e - s
  const right = to - from
  const length = left < right ? left : right
  for (let i = 0; i < length; i++) {
    const difference = a[s + i] - b[from + i]
    if (difference !== 0) return difference
  }
  return left - right
}

let ones = new Uint8Array(1024).fill(1)
/** Validity of a column without NULLs, for the variant that expects some. Shared: never written. */
function allValid(count: number): Uint8Array {
  if (ones.length < count) ones = new Uint8Array(count * 2).fill(1)
  return ones
}

/** A copy of a piece of bytes, as a bytea Datum. */
function copyBytes(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return bytes.slice(start, end)
}

/** Collects text results row by row: copies pieces of bytes and encodes strings. */
export class TextWriter {
  readonly starts: Int32Array
  readonly ends: Int32Array
  #bytes: Uint8Array
  #at = 0

  constructor(rowCount: number) {
    this.starts = new Int32Array(rowCount)
    this.ends = new Int32Array(rowCount)
    this.#bytes = new Uint8Array(Math.max(64, rowCount * 16))
  }

  /** Row `row` becomes a copy of bytes[start … end). */
  copy(row: number, bytes: Uint8Array, start: number, end: number): void {
    const length = end - start
    this.#reserve(length)
    const to = this.#bytes
    const at = this.#at
    if (length < 32) for (let i = 0; i < length; i++) to[at + i] = bytes[start + i]
    else to.set(bytes.subarray(start, end), at)
    this.#end(row, at + length)
  }

  /** Row `row` becomes the UTF-8 of `text`. */
  write(row: number, text: string): void {
    const { length } = text
    this.#reserve(length * 3)
    const to = this.#bytes
    let at = this.#at
    if (length < 64) {
      let i = 0
      for (; i < length; i++) {
        const code = text.charCodeAt(i)
        if (code > 127) break
        to[at + i] = code
      }
      if (i === length) {
        this.#end(row, at + length)
        return
      }
    }
    at += ENCODER.encodeInto(text, to.subarray(at)).written
    this.#end(row, at)
  }

  finish(valid: Validity): Utf8Column {
    return { storage: 'utf8', starts: this.starts, ends: this.ends, bytes: this.#bytes, valid }
  }

  #end(row: number, end: number): void {
    this.starts[row] = this.#at
    this.ends[row] = end
    this.#at = end
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + more))
    grown.set(this.#bytes.subarray(0, this.#at))
    this.#bytes = grown
  }
}

const ENCODER = new TextEncoder()
