/**
 * Arrays that grow with what they hold. Small ones by a quarter. Large ones get room for millions at once: a page of memory is taken
 * from the system when it is first written to, so room costs nothing, but copies left behind at every step would, as the C library
 * does not give all of them back (30 bytes a group with a million groups).
 */

/** From so many elements on an array is large. */
const LARGE = 1 << 17
/** Elements that a large array has room for at least: 32 MB of doubles. */
const LARGE_ROOM = 1 << 22

/** A capacity for `needed` elements, more than `present`. */
export function grownCapacity(present: number, needed: number): number {
  if (needed > LARGE) return Math.max(LARGE_ROOM, needed, 2 * present)
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

/** Zeros, for a hash table that is filled anew; in the memory of `from` where that has room, so `from` is not to be used any more. */
export function zeroInt32(from: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  if (4 * length > from.buffer.byteLength) {
    const room = length > LARGE ? Math.max(LARGE_ROOM, 2 * length) : length
    return new Int32Array(new ArrayBuffer(4 * room), 0, length)
  }
  return new Int32Array(from.buffer, 0, length).fill(0)
}
