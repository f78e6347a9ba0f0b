/** Speed and size of the operators, as ratios within one run: `node bench/micro/operators.ts`. */

import type { Batch } from '../../src/batch/batch.ts'
import { type Column, setInt64 } from '../../src/batch/column.ts'
import { BIGINT, DOUBLE, INTEGER, type Schema, TEXT, TIMESTAMP } from '../../src/batch/types.ts'
import type { Emit, Operator } from '../../src/dataflow/operator.ts'
import { resolveAggregate } from '../../src/expr/aggregate/resolve.ts'
import type { AggregateCall, Expr } from '../../src/expr/expr.ts'
import { compileColumnReferences } from '../../src/operators/evaluate.ts'
import { HashAggregate } from '../../src/operators/hash-aggregate.ts'
import { Hop } from '../../src/operators/hop.ts'
import { LiveWindowAggregate } from '../../src/operators/live-window-aggregate.ts'
import { Tumble } from '../../src/operators/tumble.ts'
import { WindowAggregate, type WindowAggregateOptions } from '../../src/operators/window-aggregate.ts'

const ROWS = 8192
const BATCHES = 250
const SECOND = 1_000_000
const START = 1_700_000_000 * SECOND

const readings: Schema = {
  fields: [
    { name: 'device', type: TEXT },
    { name: 'v', type: DOUBLE },
    { name: 't', type: TIMESTAMP },
    { name: 'n', type: INTEGER },
  ],
}
const windowed: Schema = {
  fields: [...readings.fields, { name: 'window_start', type: TIMESTAMP }, { name: 'window_end', type: TIMESTAMP }],
}

/** Rows of 1,000 devices in turn, 10,000 a second. */
function makeBatches(devices: number): Batch[] {
  const names = Array.from({ length: devices }, (_, d) => Buffer.from(`device-${String(d).padStart(5, '0')}`))
  return Array.from({ length: BATCHES }, (_, b) => {
    const starts = new Int32Array(ROWS)
    const ends = new Int32Array(ROWS)
    const bytes = new Uint8Array(ROWS * 16)
    const v = new Float64Array(ROWS)
    const n = new Int32Array(ROWS)
    const words = new Int32Array(2 * ROWS)
    let at = 0
    for (let i = 0; i < ROWS; i++) {
      const row = b * ROWS + i
      const device = Math.imul(row, 2654435761) >>> 0
      const name = names[device % devices]
      starts[i] = at
      bytes.set(name, at)
      at += name.length
      ends[i] = at
      v[i] = (row * 7919) % 1000
      n[i] = device % devices
      setInt64(words, i, START + row * 100)
    }
    const columns: Column[] = [
      { storage: 'utf8', starts, ends, bytes, valid: undefined },
      { storage: 'float64', values: v, valid: undefined },
      { storage: 'int64', words, valid: undefined },
      { storage: 'int32', values: n, valid: undefined },
    ]
    return { schema: readings, rowCount: ROWS, columns, weights: undefined }
  })
}

function ref(schema: Schema, name: string): Expr {
  const index = schema.fields.findIndex(f => f.name === name)
  return { kind: 'column', index, name, type: schema.fields[index].type }
}

function averageAndMaximum(schema: Schema): AggregateCall[] {
  return ['avg', 'max'].map((name): AggregateCall => {
    const arg = ref(schema, 'v')
    return {
      id: name,
      name,
      args: [arg],
      distinct: false,
      orderBy: [],
      type: resolveAggregate(name, [arg.type])?.type ?? BIGINT,
    }
  })
}

function outputSchema(keys: readonly Expr[], calls: readonly AggregateCall[]): Schema {
  return {
    fields: [...keys.map(key => ({ name: '', type: key.type })), ...calls.map(c => ({ name: c.name, type: c.type }))],
  }
}

function aggregate(schema: Schema, names: string[], final: boolean, windowEnd?: number): HashAggregate {
  const aggregates = averageAndMaximum(schema)
  const keys = names.map(name => ref(schema, name))
  return new HashAggregate({
    schema: outputSchema(keys, aggregates),
    keys,
    aggregates,
    windowEnd,
    final,
    retractable: false,
    compile: compileColumnReferences,
    side: undefined,
  })
}

interface Chain {
  readonly operators: readonly Operator[]
}

/** Best of three, million rows a second of processor time: the machine may have other work. */
function measure(label: string, batches: readonly Batch[], make: () => Chain): number {
  let best = 0
  for (let round = 0; round < 3; round++) {
    const { operators } = make()
    let out = 0
    const emits: Emit[] = []
    operators.forEach((_, i) => {
      emits[i] = batch => {
        if (i + 1 < operators.length) operators[i + 1].onBatch(batch, 0, emits[i + 1])
        else out += batch.rowCount
      }
    })
    const begin = process.cpuUsage()
    batches.forEach((batch, b) => {
      operators[0].onBatch(batch, 0, emits[0])
      operators.forEach((operator, i) => {
        operator.onWatermark?.(START + b * ROWS * 100 - SECOND, emits[i])
      })
    })
    const { user, system } = process.cpuUsage(begin)
    best = Math.max(best, (batches.length * ROWS) / (user + system))
    if (out < 0) throw new Error('unreachable')
  }
  console.log(`${label.padEnd(64)} ${best.toFixed(1)} M rows/s`)
  return best
}

const batches = makeBatches(1000)
const tumble = (): Operator =>
  new Tumble({ schema: windowed, time: 2, sizeMicros: 60 * SECOND, offsetMicros: 0, side: undefined })
const hop = (): Operator =>
  new Hop({
    schema: windowed,
    time: 2,
    sizeMicros: 600 * SECOND,
    slideMicros: 60 * SECOND,
    offsetMicros: 0,
    side: undefined,
  })
const paneOptions = (): WindowAggregateOptions => {
  const keys = ['device', 'window_start', 'window_end'].map(key => ref(windowed, key))
  const aggregates = averageAndMaximum(windowed)
  return {
    schema: outputSchema(keys, aggregates),
    inputWidth: 4,
    time: 2,
    sizeMicros: 600 * SECOND,
    slideMicros: 60 * SECOND,
    offsetMicros: 0,
    keys,
    aggregates,
    compile: compileColumnReferences,
    side: undefined,
  }
}
const panes = (): Operator => new WindowAggregate(paneOptions())
measure('tumble alone', batches, () => ({ operators: [tumble()] }))
measure('avg, max by integer key (1,000), final', batches, () => ({ operators: [aggregate(readings, ['n'], true)] }))
measure('avg, max by device text, final', batches, () => ({ operators: [aggregate(readings, ['device'], true)] }))
measure('tumble + avg, max by device, final', batches, () => ({
  operators: [tumble(), aggregate(windowed, ['device', 'window_start', 'window_end'], true, 2)],
}))
measure('tumble + avg, max by device, final, by panes', batches, () => ({
  operators: [new WindowAggregate({ ...paneOptions(), sizeMicros: 60 * SECOND })],
}))
measure('tumble + avg, max by device, live', batches, () => ({
  operators: [tumble(), aggregate(windowed, ['device', 'window_start', 'window_end'], false, 2)],
}))
const expanded = measure('hop 10 min / 1 min by expansion, final', batches.slice(0, 60), () => ({
  operators: [hop(), aggregate(windowed, ['device', 'window_start', 'window_end'], true, 2)],
}))

const paned = measure('hop 10 min / 1 min by panes, final', batches, () => ({ operators: [panes()] }))
console.log(`panes: ${(paned / expanded).toFixed(1)} times the expansion`)

measure('hop 10 min / 1 min by expansion, live', batches.slice(0, 30), () => ({
  operators: [hop(), aggregate(windowed, ['device', 'window_start', 'window_end'], false, 2)],
}))
measure('hop 10 min / 1 min by parts, live', batches, () => ({
  operators: [new LiveWindowAggregate({ ...paneOptions(), windowEnd: 2 })],
}))

// 50 windows of 20,000 devices.
const spread = makeBatches(20_000)
spread.forEach((batch, b) => {
  const column = batch.columns[2]
  if (column.storage !== 'int64') return
  for (let i = 0; i < ROWS; i++) setInt64(column.words, i, START + ((b * ROWS + i) % 50) * 60 * SECOND)
})

function measureState(label: string, first: Operator, last: Operator): void {
  for (const batch of spread) first.onBatch(batch, 0, out => last.onBatch(out, 0, () => {}))
  const bytes = last.stateBytes?.() ?? 0
  let groups = 0
  last.onEnd?.(batch => {
    groups += batch.rowCount
  })
  console.log(`state, ${label}: ${groups} groups, ${(bytes / groups).toFixed(1)} bytes a group`)
}
measureState('by window and device', tumble(), aggregate(windowed, ['device', 'window_start', 'window_end'], true, 2))
const pass: Operator = { schema: readings, onBatch: (batch, _, emit) => emit(batch) }
measureState('by panes', pass, new WindowAggregate({ ...paneOptions(), sizeMicros: 60 * SECOND }))
