import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BatchWriter, stamp } from '../../../connectors/kafka/batch-writer.ts'
import { Arena, CODECS, compress, decompress } from '../../../connectors/kafka/compression.ts'
import { partitionOfKey } from '../../../connectors/kafka/partitioner.ts'
import {
  BATCH_HEADER_BYTES,
  offsetAfter,
  RecordCursor,
  readBatchHeader,
} from '../../../connectors/kafka/record-batch.ts'
import { Reader, Writer } from '../../../connectors/kafka/wire.ts'
import { crc32c } from '../../../src/base/crc32c.ts'
import { EngineError } from '../../../src/base/errors.ts'
import type { RecordDecoder } from '../../../src/connector.ts'

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))

/** Random, and repetitive in ways that make long and overlapping matches. */
const data = fc.oneof(
  fc.uint8Array({ maxLength: 3000 }),
  fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 6000 })).map(([part, times]) => {
    const bytes = new Uint8Array(part.length * times)
    for (let i = 0; i < bytes.length; i++) bytes[i] = part[i % part.length] ^ (i % 977 === 0 ? 1 : 0)
    return bytes
  }),
)

describe('codecs', () => {
  test.each([1, 2, 3, 4])('codec %i gives back what it packed, several into one piece of memory', codec => {
    const arena = new Arena(10_000)
    fc.assert(
      fc.property(fc.array(data, { minLength: 1, maxLength: 4 }), pieces => {
        for (const piece of pieces) {
          const packed = compress(CODECS[codec], piece, piece.length)
          const span = decompress(codec, packed, 0, packed.length, arena)
          expect(Buffer.compare(span.bytes.subarray(span.start, span.end), piece)).toBe(0)
        }
      }),
      { numRuns: 100 },
    )
  })

  test.each([1, 2, 3, 4])('codec %i refuses what is not packed by it, and never hangs', codec => {
    const arena = new Arena(1000)
    const attempt = (bytes: Uint8Array): void => {
      try {
        decompress(codec, bytes, 0, bytes.length, arena)
      } catch (error) {
        expect(error).toBeInstanceOf(EngineError)
      }
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), attempt), { numRuns: 500 })
    const cut = fc.tuple(data, fc.nat(), fc.nat(), fc.nat({ max: 255 })).map(([piece, at, length, byte]) => {
      const packed = compress(CODECS[codec], piece, piece.length).slice()
      packed[at % packed.length] = byte
      return packed.subarray(0, length % (packed.length + 1))
    })
    fc.assert(fc.property(cut, attempt), { numRuns: 500 })
  })
})

test('crc32c: the check value, and any alignment', () => {
  expect(crc32c(bytesOf('123456789'), 0, 9)).toBe(0xe3069283)
  const bytes = Uint8Array.from({ length: 100 }, (_, i) => (i * 37) & 255)
  const expected = crc32c(bytes, 0, 100)
  for (let shift = 0; shift < 9; shift++) {
    const moved = new Uint8Array(120)
    moved.set(bytes, shift)
    expect(crc32c(moved, shift, shift + 100)).toBe(expected)
  }
})

test("murmur2: the values in Kafka's own tests", () => {
  // UtilsTest.testMurmur2: the hashes, here without their sign.
  const hashes: [string, number][] = [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ]
  for (const [key, hash] of hashes) {
    const bytes = bytesOf(key)
    expect(partitionOfKey(bytes, 0, bytes.length, 0x7fffffff)).toBe((hash & 0x7fffffff) % 0x7fffffff)
  }
})

test('the wire types read as they were written', () => {
  const texts = fc.option(fc.string(), { nil: null })
  const fields = fc.tuple(
    fc.maxSafeInteger(),
    fc.integer(),
    texts,
    fc.array(fc.nat()),
    fc.uint8Array({ maxLength: 3000 }),
  )
  fc.assert(
    fc.property(fields, ([big, small, text, list, blob]) => {
      const w = new Writer().int64(big).int32(small).string(text).compactString(text)
      w.compactArray(list, item => w.uvarint(item))
        .compactBytes(blob, blob)
        .tags()
        .bool(true)
      const reader = new Reader(new Uint8Array(Buffer.concat(w.finish())))
      expect(w.length).toBe(reader.left)
      expect([reader.int64(), reader.int32(), reader.string(), reader.compactNullableString()]).toEqual([
        big,
        small,
        text,
        text,
      ])
      expect(reader.compactArray(() => reader.uvarint())).toEqual(list)
      expect(Buffer.compare(reader.compactBytes() ?? new Uint8Array(0), Buffer.concat([blob, blob]))).toBe(0)
      reader.tags()
      expect(reader.bool()).toBe(true)
      expect(reader.left).toBe(0)
    }),
  )
})

/** Records as text, one line each. */
function lines(): { decoder: RecordDecoder; given: string[] } {
  const given: string[] = []
  const decoder = {
    wantsHeaders: true,
    rowCount: 0,
    begin: () => undefined,
    record: (start: number, end: number, offset: number | bigint, _: number, keyStart: number, keyEnd: number) => {
      given.push(`${offset} ${keyStart < 0 ? -1 : keyEnd - keyStart} ${start < 0 ? -1 : end - start}`)
    },
    headers: () => undefined,
    reject: () => undefined,
    finish: () => {
      throw new Error('not used')
    },
  }
  return { decoder, given }
}

test('a request grows wherever it is full', () => {
  for (const write of [
    (w: Writer) => w.int8(1),
    (w: Writer) => w.int16(2),
    (w: Writer) => w.int32(3),
    (w: Writer) => w.int64(4),
    (w: Writer) => w.uvarint(300),
    (w: Writer) => w.compactString('five'),
  ]) {
    for (let offset = 0; offset < 8; offset++) {
      const writer = new Writer()
      for (let i = 0; i < offset; i++) writer.int8(0)
      const one = Buffer.concat(write(new Writer()).finish())
      for (let i = 0; i < 400; i++) write(writer)
      const whole = Buffer.concat([Buffer.alloc(offset), ...Array.from({ length: 400 }, () => one)])
      expect(Buffer.concat(writer.finish()).equals(whole)).toBe(true)
    }
  }
})

describe('record batches', () => {
  const lengths = fc.array(fc.tuple(fc.integer({ min: -1, max: 200 }), fc.integer({ min: -1, max: 20_000 })), {
    minLength: 1,
    maxLength: 12,
  })
  const build = (sizes: readonly (readonly [number, number])[]): Uint8Array => {
    const filler = new Uint8Array(20_000)
    const writer = new BatchWriter()
    for (const [key, value] of sizes)
      writer.append(key < 0 ? undefined : filler, 0, key, filler, value < 0 ? -1 : 0, value)
    const batch = writer.seal('none', false, 1_700_000_000_000, undefined)
    stamp(batch, { producerId: 7, epoch: 1 }, 0)
    return batch.bytes
  }

  test('are read as they were written, in pieces of any size', () => {
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 5 }), (sizes, rowsMax) => {
        const bytes = build(sizes)
        const header = readBatchHeader(bytes, 0, bytes.length, 't/0')
        expect(header).toMatchObject({ baseOffset: 0, lastOffset: sizes.length - 1, producerId: 7, control: false })
        expect(offsetAfter(bytes, 0, bytes.length, 0)).toBe(sizes.length)
        expect(offsetAfter(bytes, 0, bytes.length - 1, 0)).toBe(0)
        const { decoder, given } = lines()
        const cursor = new RecordCursor(header!, bytes, BATCH_HEADER_BYTES, bytes.length)
        while (!cursor.done) cursor.give(decoder, rowsMax, 0, Number.POSITIVE_INFINITY)
        expect(given).toEqual(sizes.map(([key, value], i) => `${i} ${key} ${value}`))
      }),
    )
  })

  test('that are damaged are refused, also behind a right checksum', () => {
    const damage = fc.tuple(lengths, fc.nat(), fc.nat({ max: 255 }))
    fc.assert(
      fc.property(damage, ([sizes, place, byte]) => {
        const bytes = build(sizes)
        const at = place % bytes.length
        const same = bytes[at] === byte
        bytes[at] = byte
        if (!same && at >= 21) expect(() => readBatchHeader(bytes, 0, bytes.length, 't/0')).toThrow('wrong checksum')
        new DataView(bytes.buffer).setUint32(17, crc32c(bytes, 21, bytes.length))
        const { decoder } = lines()
        try {
          const header = readBatchHeader(bytes, 0, bytes.length, 't/0')
          const cursor = header && new RecordCursor(header, bytes, BATCH_HEADER_BYTES, bytes.length)
          while (cursor && !cursor.done) cursor.give(decoder, 1000, 0, Number.POSITIVE_INFINITY)
        } catch (error) {
          expect(error).toBeInstanceOf(EngineError)
        }
      }),
    )
  })
})
