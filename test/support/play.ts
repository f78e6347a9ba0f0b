import type { Batch } from '../../src/batch/batch.ts'
import { batchOfRows, rowAt } from '../../src/batch/batch.ts'
import type { DataType, Datum, Decimal, Schema } from '../../src/batch/types.ts'
import type { Operator, SideOutput } from '../../src/dataflow/operator.ts'

export interface PlayOptions {
  /** Rows that go into one batch at most; a batch also ends before anything that is not a row. */
  readonly rowsPerBatch?: number
  /** Only what is left in the end: sorted, equal rows of both signs cancelled. */
  readonly consolidate?: boolean
}

/**
 * Plays a script against an operator and writes down what it says. A line is `+ 1 a` (add a row), `- 1 a` (take it back), `input 1`
 * (rows now go there), `watermark 10`, `end`, or `restart` (snapshot → serialised → a new operator → restore). Answers `+ …` and
 * `- …` for emitted rows, `late …` and `bad … : reason` for side rows, one a line.
 */
export function play(
  create: (side: SideOutput) => Operator,
  input: Schema | readonly Schema[],
  script: string,
  options: PlayOptions = {},
): string {
  const inputs = 'fields' in input ? [input] : input
  const rowsPerBatch = options.rowsPerBatch ?? 1000
  const lines: string[] = []
  const emitted = (batch: Batch): void => {
    for (let row = 0; row < batch.rowCount; row++) {
      const weight = batch.weights ? batch.weights[row] : 1
      for (let n = 0; n < Math.abs(weight); n++) lines.push(`${weight > 0 ? '+' : '-'} ${printRow(batch, row)}`)
    }
  }
  const side: SideOutput = {
    late: (batch, rows, count) => {
      for (let i = 0; i < count; i++) lines.push(`late ${printRow(batch, rows[i])}`)
    },
    bad: (batch, row, reason) => lines.push(`bad ${printRow(batch, row)} : ${reason}`),
  }
  let operator = create(side)
  operator.onStart?.(emitted)
  let at = 0
  let pending: { row: Datum[]; weight: number }[] = []
  const flush = (): void => {
    if (pending.length === 0) return
    const weights = pending.some(p => p.weight !== 1) ? pending.map(p => p.weight) : undefined
    operator.onBatch(
      batchOfRows(
        inputs[at],
        pending.map(p => p.row),
        weights,
      ),
      at,
      emitted,
    )
    pending = []
  }
  for (const line of script
    .split('\n')
    .map(l => l.trim())
    .filter(l => l !== '')) {
    const [word, ...values] = line.split(/\s+/)
    if (word === '+' || word === '-') {
      pending.push({ row: parseRow(inputs[at], values), weight: word === '+' ? 1 : -1 })
      if (pending.length >= rowsPerBatch) flush()
      continue
    }
    flush()
    if (word === 'input') at = Number(values[0])
    else if (word === 'watermark') operator.onWatermark?.(Number(values[0]), emitted)
    else if (word === 'end') operator.onEnd?.(emitted)
    else if (word === 'restart') {
      const snapshot = structuredClone(operator.snapshot?.() ?? {})
      operator = create(side)
      operator.restore?.(snapshot)
    } else throw new Error(`unknown word "${word}" in a script`)
  }
  flush()
  return (options.consolidate ? consolidate(lines) : lines).join('\n')
}

/** Rows left when every `- x` has cancelled a `+ x`, sorted; side rows stay. */
export function consolidate(lines: readonly string[]): string[] {
  const counts = new Map<string, number>()
  const rest: string[] = []
  for (const line of lines) {
    if (line.startsWith('+ ')) counts.set(line.slice(2), (counts.get(line.slice(2)) ?? 0) + 1)
    else if (line.startsWith('- ')) counts.set(line.slice(2), (counts.get(line.slice(2)) ?? 0) - 1)
    else rest.push(line)
  }
  for (const [row, count] of counts)
    for (let n = 0; n < Math.abs(count); n++) rest.push(`${count > 0 ? '+' : '-'} ${row}`)
  return rest.sort()
}

/** Field list in one line: `schemaOf('device text, v double')`. */
export function schemaOf(text: string): Schema {
  return {
    fields: text.split(',').map(part => {
      const [name, kind] = part.trim().split(/\s+/)
      return { name, type: typeOf(kind) }
    }),
  }
}

function typeOf(kind: string): DataType {
  if (kind.endsWith('[]')) return { kind: 'array', element: typeOf(kind.slice(0, -2)) }
  return { kind } as DataType // a test's own text
}

function parseRow(schema: Schema, values: readonly string[]): Datum[] {
  if (values.length !== schema.fields.length)
    throw new Error(`${values.length} values for ${schema.fields.length} columns`)
  return schema.fields.map((field, i) => parseDatum(field.type, values[i]))
}

export function parseDatum(type: DataType, text: string): Datum {
  if (text === 'null') return null
  switch (type.kind) {
    case 'boolean':
      return text === 'true'
    case 'smallint':
    case 'integer':
    case 'date':
    case 'real':
    case 'double':
      return Number(text)
    case 'bigint':
    case 'time':
    case 'timestamp':
    case 'timestamptz': {
      const n = Number(text)
      return Number.isSafeInteger(n) ? n : BigInt(text)
    }
    case 'numeric':
      return parseDecimal(text)
    case 'interval':
      return { months: 0, days: 0, micros: Number(text) }
    default:
      return text
  }
}

function parseDecimal(text: string): Decimal {
  if (text === 'NaN') return { unscaled: 0n, scale: 0, special: 'NaN' }
  const [whole, fraction = ''] = text.split('.')
  return { unscaled: BigInt(whole + fraction), scale: fraction.length }
}

function printRow(batch: Batch, row: number): string {
  return rowAt(batch, row).map(printDatum).join(' ')
}

export function printDatum(value: Datum): string {
  if (value === null) return 'null'
  if (typeof value !== 'object') return String(value)
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`
  if ('unscaled' in value) {
    if (value.special) return value.special
    const digits = (value.unscaled < 0n ? -value.unscaled : value.unscaled).toString().padStart(value.scale + 1, '0')
    const sign = value.unscaled < 0n ? '-' : ''
    if (value.scale === 0) return sign + digits
    return `${sign}${digits.slice(0, -value.scale)}.${digits.slice(-value.scale)}`
  }
  if ('months' in value) return `${value.months}m${value.days}d${value.micros}us`
  return `[${value.map(printDatum).join(',')}]`
}
