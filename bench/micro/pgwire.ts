/**
 * Rows to DataRow messages in text, binary and COPY, against naive strings, on one core in one run:
 * `node bench/micro/pgwire.ts [rows]`. Five rounds, the best of each.
 */

import { seededRandom } from '../../src/base/clock.ts'
import { type Batch, batchOfRows, rowAt } from '../../src/batch/batch.ts'
import { BIGINT, DOUBLE, INTEGER, type Schema, TEXT, TIMESTAMPTZ } from '../../src/batch/types.ts'
import { copyFormat } from '../../src/engine/copy-options.ts'
import { formatDatum } from '../../src/expr/text.ts'
import { ByteWriter } from '../../src/server/pgwire/bytes.ts'
import { copyRows } from '../../src/server/pgwire/copy.ts'
import { dataRows } from '../../src/server/pgwire/portal.ts'
import type { BindRows } from '../../src/server/pgwire/row-stream.ts'

const BATCH = 1000
const ROUNDS = 5
const CHUNK_BYTES = 64 * 1024
const rows = Number(process.argv[2] ?? 500_000)
const random = seededRandom(7)
const settings = { timeZone: 'UTC' }

const device: Schema = {
  fields: [
    { name: 'device_id', type: TEXT },
    { name: 'ts', type: TIMESTAMPTZ },
    { name: 'temperature', type: DOUBLE },
    { name: 'humidity', type: DOUBLE },
    { name: 'seq', type: BIGINT },
  ],
}
const integers: Schema = { fields: ['a', 'b', 'c', 'd'].map(name => ({ name, type: INTEGER })) }

const deviceBatch = batchOfRows(
  device,
  Array.from({ length: BATCH }, (_, i) => [
    `device-${String(Math.floor(random() * 1000)).padStart(4, '0')}`,
    1_767_323_045_678_000 + i * 7123,
    Math.round(random() * 4000) / 100,
    Math.round(random() * 1000) / 10,
    i,
  ]),
)
const integerBatch = batchOfRows(
  integers,
  Array.from({ length: BATCH }, () => [0, 0, 0, 0].map(() => Math.floor(random() * 1e6))),
)

/** Millions of rows a second, the best of some rounds. */
function measure(name: string, batch: Batch, write: (batch: Batch, out: ByteWriter) => void): number {
  let best = 0
  let bytes = 0
  for (let round = 0; round < ROUNDS; round++) {
    const out = new ByteWriter()
    bytes = 0
    const start = performance.now()
    for (let i = 0; i < rows; i += BATCH) {
      write(batch, out)
      bytes += out.take().length
    }
    best = Math.max(best, rows / (performance.now() - start) / 1000)
  }
  console.log(`${name.padEnd(24)} ${best.toFixed(1).padStart(6)} M rows/s  ${(bytes / rows).toFixed(0)} bytes a row`)
  return best
}

const through =
  (bind: BindRows) =>
  (batch: Batch, out: ByteWriter): void => {
    const write = bind(batch)
    let row = 0
    while (row < batch.rowCount) row = write(out, row, batch.rowCount, out.at + CHUNK_BYTES)
  }

/** One string a value, as servers of row objects do. */
function naive(batch: Batch, out: ByteWriter): void {
  for (let row = 0; row < batch.rowCount; row++) {
    out.int8(68)
    const at = out.beginLength()
    const values = rowAt(batch, row)
    out.int16(values.length)
    for (const [c, value] of values.entries()) {
      const text = Buffer.from(formatDatum(value, batch.schema.fields[c].type, settings))
      out.int32(text.length)
      out.copy(text, 0, text.length)
    }
    out.endLength(at, 4)
  }
}

console.log('device rows: text, timestamptz, 2 double, bigint')
const slow = measure('naive text', deviceBatch, naive)
const text = measure('text', deviceBatch, through(dataRows(device, [], settings)))
measure('binary', deviceBatch, through(dataRows(device, [1], settings)))
measure('COPY text', deviceBatch, through(copyRows(device, copyFormat([], 'to'), settings)))
measure(
  'COPY csv',
  deviceBatch,
  through(copyRows(device, copyFormat([{ name: 'format', value: 'csv', at: 0 }], 'to'), settings)),
)
console.log('4 integers')
measure('text', integerBatch, through(dataRows(integers, [], settings)))
measure('binary', integerBatch, through(dataRows(integers, [1], settings)))
console.log(`text / naive: ${(text / slow).toFixed(1)}`)
