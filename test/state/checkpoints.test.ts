import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Logger, silentLogger } from '../../src/base/log.ts'
import { Checkpoints } from '../../src/state/checkpoints.ts'
import { deserialize, serialize } from '../../src/state/serialize.ts'
import { openLocalStore } from '../../src/storage/local-store.ts'
import { temporaryFolder } from '../support/temporary.ts'

const JOB = 'fahr/t..'
const FOLDER = 'checkpoints/fahr%2Ft%2E%2E'

function open(folder: string, log: Logger = silentLogger): Checkpoints {
  return new Checkpoints(openLocalStore(folder), JOB, log)
}

/** A logger that keeps the reasons given with warnings. */
function recording(): { readonly log: Logger; readonly reasons: string[] } {
  const reasons: string[] = []
  return { log: { ...silentLogger, warn: fields => void reasons.push(String(fields.reason)) }, reasons }
}

test('whatever can be cloned comes back, large arrays too', () => {
  const large = Float64Array.from({ length: 5000 }, (_, i) => i / 3)
  const value = {
    large,
    piece: large.subarray(100, 4000),
    again: large,
    small: Int32Array.of(1, -2),
    empty: new Uint8Array(0),
    words: BigInt64Array.of(-1n, 2n ** 62n),
    map: new Map<unknown, unknown>([
      ['k', { nested: [new Int32Array(1000).fill(7)] }],
      [5n, null],
    ]),
    scalars: [undefined, -0, 'ünï', true, 2n ** 70n, new Date(5)],
  }
  const { parts, graphLength } = serialize(value)
  expect(deserialize(Buffer.concat(parts), graphLength)).toEqual(value)
  expect(parts.slice(1).some(part => part.buffer === large.buffer)).toBe(true)
})

test('any structured value survives', () => {
  const leaf = fc.oneof(
    fc.string(),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.bigInt(),
    fc.uint8Array(),
    fc.int32Array({ maxLength: 600 }),
  )
  const { tree } = fc.letrec<{ tree: unknown }>(tie => ({
    tree: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie('tree')), fc.dictionary(fc.string(), tie('tree'))),
  }))
  fc.assert(
    fc.property(tree, value => {
      const { parts, graphLength } = serialize(value)
      expect(deserialize(Buffer.concat(parts), graphLength)).toEqual(value)
    }),
    { numRuns: 100 },
  )
})

test('the newest is used, two are kept, the rest goes', async () => {
  const folder = temporaryFolder()
  const checkpoints = open(folder)
  expect(await checkpoints.latest()).toBeUndefined()
  for (const epoch of [1, 2, 9, 10]) await checkpoints.write(epoch, { epoch, state: new Int32Array(10).fill(epoch) })
  expect(await checkpoints.latest()).toEqual({ epoch: 10, sections: { epoch: 10, state: new Int32Array(10).fill(10) } })
  expect(readdirSync(join(folder, FOLDER)).map(Number)).toEqual([9, 10])
  await checkpoints.clear()
  expect(await checkpoints.latest()).toBeUndefined()
})

test('a snapshot may change as soon as write has returned', async () => {
  const folder = temporaryFolder()
  const checkpoints = open(folder)
  const state = new Int32Array(100_000).fill(1)
  const done = checkpoints.write(1, { state })
  state.fill(2)
  await done
  expect((await checkpoints.latest())?.sections).toEqual({ state: new Int32Array(100_000).fill(1) })
})

test('cut off at any byte, the one before is used and the reason logged', async () => {
  const folder = temporaryFolder()
  const { log, reasons } = recording()
  const checkpoints = open(folder, log)
  await checkpoints.write(1, { n: 1 })
  await checkpoints.write(2, { n: 2, array: new Int32Array(500).fill(5) })
  const file = join(folder, FOLDER, '2'.padStart(16, '0'))
  const whole = readFileSync(file)
  let cuts = 0
  for (let length = 0; length < whole.length; length += length < 60 ? 1 : 37, cuts++) {
    writeFileSync(file, whole.subarray(0, length))
    expect(await checkpoints.latest()).toEqual({ epoch: 1, sections: { n: 1 } })
  }
  expect(reasons).toHaveLength(cuts)
  writeFileSync(file, Buffer.concat([whole, Buffer.of(0)]))
  expect((await checkpoints.latest())?.epoch).toBe(1)
  writeFileSync(file, whole)
  expect((await checkpoints.latest())?.epoch).toBe(2)
})

test('with any byte changed, the one before is used', async () => {
  const folder = temporaryFolder()
  const checkpoints = open(folder)
  await checkpoints.write(1, { n: 1 })
  await checkpoints.write(2, { n: 2, array: new Int32Array(500).fill(5) })
  const file = join(folder, FOLDER, '2'.padStart(16, '0'))
  const whole = readFileSync(file)
  for (let at = 0; at < whole.length; at += at < 60 ? 1 : 41) {
    const changed = Buffer.from(whole)
    changed[at] ^= 1 << (at % 8)
    writeFileSync(file, changed)
    expect(await checkpoints.latest(), `byte ${at}`).toEqual({ epoch: 1, sections: { n: 1 } })
  }
  // The next write replaces the damaged one, and nothing newer is left to win over it.
  await checkpoints.write(2, { n: 22 })
  expect((await checkpoints.latest())?.sections).toEqual({ n: 22 })
})
