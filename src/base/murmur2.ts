/**
 * The hash that Kafka's Java clients partition by: MurmurHash2 (A. Appleby) with their seed, over bytes[start … end). Signed 32
 * bits. Topics filled by us and by them keep a key in the same partition only while both compute exactly this.
 */
export function murmur2(bytes: Uint8Array, start: number, end: number): number {
  const m = 0x5bd1e995
  const length = end - start
  let h = 0x9747b28c ^ length
  let at = start
  for (; at + 4 <= end; at += 4) {
    let k = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)
    k = Math.imul(k, m)
    k = Math.imul(k ^ (k >>> 24), m)
    h = Math.imul(h, m) ^ k
  }
  const left = end - at
  if (left === 3) h ^= bytes[at + 2] << 16
  if (left >= 2) h ^= bytes[at + 1] << 8
  if (left >= 1) h = Math.imul(h ^ bytes[at], m)
  h = Math.imul(h ^ (h >>> 13), m)
  return h ^ (h >>> 15)
}

/** The partition a key belongs to, as Kafka's default partitioner says. */
export function partitionOfKey(bytes: Uint8Array, start: number, end: number, partitions: number): number {
  return (murmur2(bytes, start, end) & 0x7fffffff) % partitions
}
