/** Arrays that grow with what they hold. By a quarter, not by doubling: state is large, and copies are rare either way. */

/** A capacity for `needed` elements, at least a quarter more than `present`. */
export function grownCapacity(present: number, needed: number): number {
  return Math.max(16, needed, present + (present >>> 2))
}

/** A longer copy, zeros behind. */
export function growInt32(from: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const to = new Int32Array(length)
  to.set(from)
  return to
}

/** A longer copy, zeros behind. */
export function growFloat64(from: Float64Array, length: number): Float64Array<ArrayBuffer> {
  const to = new Float64Array(length)
  to.set(from)
  return to
}

/** A longer copy, zeros behind. */
export function growBytes(from: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const to = new Uint8Array(length)
  to.set(from)
  return to
}
