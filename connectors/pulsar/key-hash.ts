/** Which partition a key belongs to: topics filled by us and by other clients keep a key in one partition only while all compute the same. */

/** `java`: the Java client's default, a string's hash code. `murmur3`: its option Murmur3_32Hash, and the default of others. */
export type Hashing = 'java' | 'murmur3'

/** Of the key's text in UTF-8 at bytes[start … end), 0 to 2^31 − 1. */
export function hashOfKey(hashing: Hashing, bytes: Uint8Array, start: number, end: number): number {
  return (hashing === 'java' ? javaStringHash(bytes, start, end) : murmur3(bytes, start, end)) & 0x7fffffff
}

/** java.lang.String.hashCode, over UTF-16. */
function javaStringHash(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0
  for (let at = start; at < end; at++) {
    const byte = bytes[at]
    if (byte > 127) return utf16Hash(bytes, start, end)
    hash = (Math.imul(hash, 31) + byte) | 0
  }
  return hash
}

function utf16Hash(bytes: Uint8Array, start: number, end: number): number {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString()
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
  return hash
}

/** MurmurHash3_x86_32 (A. Appleby) with seed 0. */
function murmur3(bytes: Uint8Array, start: number, end: number): number {
  const [c1, c2] = [0xcc9e2d51, 0x1b873593]
  let h = 0
  let at = start
  for (; at + 4 <= end; at += 4) {
    const k = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)
    h ^= Math.imul(rotate(Math.imul(k, c1), 15), c2)
    h = (Math.imul(rotate(h, 13), 5) + 0xe6546b64) | 0
  }
  let tail = 0
  for (let i = end - 1; i >= at; i--) tail = (tail << 8) | bytes[i]
  if (at < end) h ^= Math.imul(rotate(Math.imul(tail, c1), 15), c2)
  h ^= end - start
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}
