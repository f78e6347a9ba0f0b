import { expect, test } from 'vitest'
import { murmur2, partitionOfKey } from '../../src/base/murmur2.ts'

// From org.apache.kafka.common.utils.UtilsTest.testMurmur2.
const VECTORS: [string, number][] = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
]

test.each(VECTORS)('murmur2 of %s is what the Java client computes', (text, hash) => {
  const bytes = Buffer.from(`xx${text}`)
  expect(murmur2(bytes, 2, bytes.length)).toBe(hash)
  expect(partitionOfKey(bytes, 2, bytes.length, 7)).toBe((hash & 0x7fffffff) % 7)
})
