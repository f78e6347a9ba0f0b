import { assert } from '../base/assert.ts'
import type { Batch } from '../batch/batch.ts'
import type { Column, Validity } from '../batch/column.ts'
import { type DataType, type Datum, type Schema, storageOf } from '../batch/types.ts'
import { liesInBytes } from './code.ts'
import { CodeWriter } from './codegen.ts'
import type { EvalContext, Expr } from './expr.ts'
import { compileSource, TextWriter } from './kernel.ts'
import { childrenOf } from './walk.ts'

/** Computes columns over a batch; throws EngineError at the first row that fails. */
export type Projection = (batch: Batch, context: EvalContext) => Column[]
/** Writes the indexes of the rows where the predicate is TRUE to `out`, in order, and returns how many. `out` holds rowCount. */
export type Predicate = (batch: Batch, context: EvalContext, out: Int32Array) => number

/** One loop a computed expression. Plain columns pass through without a copy; literals and CASE over them share text bytes. */
export function compileProjection(exprs: readonly Expr[], schema: Schema): Projection {
  const kernels = exprs.map(expr => compileColumn(expr, schema))
  return (batch, context) => kernels.map(kernel => kernel(batch, context))
}

/** One fused loop for the whole predicate. */
export function compilePredicate(expr: Expr, schema: Schema): Predicate {
  checkColumns(expr, schema)
  const variant = variants(writer => {
    const truth = writer.truth(expr)
    return `function filter(columns, count, context, out) {
      let selected = 0
      ${prologue(writer)}
      for (let i = 0; i < count; i++) {
        ${writer.lines.join('\n        ')}
        out[selected] = i
        selected += ${truth} ? 1 : 0
      }
      return selected
    }`
  })
  return (batch, context, out) => {
    const kernel = variant(batch) as FilterKernel
    return kernel(batch.columns, batch.rowCount, context, out)
  }
}

// Shapes of generated functions; what `compileSource` gives is one of these by construction.
type FilterKernel = (columns: readonly Column[], count: number, context: EvalContext, out: Int32Array) => number
type Arrays = (columns: readonly Column[], count: number, context: EvalContext, out: unknown, valid: Validity) => number

type ColumnKernel = (batch: Batch, context: EvalContext) => Column

function compileColumn(expr: Expr, schema: Schema): ColumnKernel {
  checkColumns(expr, schema)
  if (expr.kind === 'column') return batch => batch.columns[expr.index]
  const storage = storageOf(expr.type)
  if (storage === 'utf8') return compileText(expr)
  const variant = variants(writer => loop(writer, expr, store(expr.type)))
  return (batch, context) => {
    const { rowCount } = batch
    const kernel = variant(batch) as Arrays
    const values = allocate(storage, rowCount)
    const valid = new Uint8Array(storage === 'boxed' ? 0 : rowCount)
    const nulls = kernel(batch.columns, rowCount, context, arrayOf(values), valid)
    return nulls === 0 || values.storage === 'boxed' ? values : { ...values, valid }
  }
}

function arrayOf(column: Column): unknown {
  if (column.storage === 'int64') return column.words
  return column.storage === 'utf8' ? undefined : column.values
}

function allocate(storage: Exclude<Column['storage'], 'utf8'>, rowCount: number): Exclude<Column, { storage: 'utf8' }> {
  switch (storage) {
    case 'bool':
      return { storage, values: new Uint8Array(rowCount), valid: undefined }
    case 'int32':
      return { storage, values: new Int32Array(rowCount), valid: undefined }
    case 'int64':
      return { storage, words: new Int32Array(2 * rowCount), valid: undefined }
    case 'float64':
      return { storage, values: new Float64Array(rowCount), valid: undefined }
    default: {
      const values: Datum[] = new Array(rowCount).fill(null)
      return { storage, values, valid: undefined }
    }
  }
}

function store(type: DataType): (value: string, isNull: string) => string {
  switch (storageOf(type)) {
    case 'bool':
      return value => `out[i] = ${value} ? 1 : 0`
    case 'int64':
      return (value, isNull) => `setInt64(out, i, ${orZero(value, isNull)})`
    case 'boxed':
      return (value, isNull) => (isNull === 'false' ? `out[i] = ${value}` : `out[i] = ${isNull} ? null : ${value}`)
    default:
      return (value, isNull) => `out[i] = ${orZero(value, isNull)}`
  }
}

function orZero(value: string, isNull: string): string {
  return isNull === 'false' ? value : `${isNull} ? 0 : ${value}`
}

function loop(writer: CodeWriter, expr: Expr, write: (value: string, isNull: string) => string): string {
  const { value, isNull } = writer.write(expr)
  const validity =
    isNull === 'false' ? '' : `const absent = ${isNull}; valid[i] = absent ? 0 : 1; nulls += absent ? 1 : 0`
  return `function project(columns, count, context, out, valid) {
    let nulls = 0
    ${prologue(writer)}
    for (let i = 0; i < count; i++) {
      ${writer.lines.join('\n      ')}
      ${write(value, isNull)}
      ${validity}
    }
    return nulls
  }`
}

/** Text whose places all lie in one byte array shares it; other text is written anew. */
function compileText(expr: Expr): ColumnKernel {
  const source = liesInBytes(expr) ? singleSource(expr) : undefined
  if (source === undefined) return compileWrittenText(expr)
  let pool: Uint8Array = new Uint8Array(0)
  const variant = variants(writer => {
    const { text, isNull } = writer.write(expr)
    const place = text ?? { start: '0', end: '0' }
    pool = writer.pool
    const validity =
      isNull === 'false' ? '' : `const absent = ${isNull}; valid[i] = absent ? 0 : 1; nulls += absent ? 1 : 0`
    return `function project(columns, count, context, out, valid) {
      const { starts, ends } = out
      let nulls = 0
      ${prologue(writer)}
      for (let i = 0; i < count; i++) {
        ${writer.lines.join('\n        ')}
        starts[i] = ${place.start}
        ends[i] = ${place.end}
        ${validity}
      }
      return nulls
    }`
  })
  return (batch, context) => {
    const { rowCount, columns } = batch
    const kernel = variant(batch) as Arrays
    const places = { starts: new Int32Array(rowCount), ends: new Int32Array(rowCount) }
    const valid = new Uint8Array(rowCount)
    const nulls = kernel(columns, rowCount, context, places, valid)
    const from = source === 'pool' ? undefined : columns[source]
    const bytes = from?.storage === 'utf8' ? from.bytes : pool
    return { storage: 'utf8', ...places, bytes, valid: nulls === 0 ? undefined : valid }
  }
}

function compileWrittenText(expr: Expr): ColumnKernel {
  const variant = variants(writer => {
    const { value, text, isNull } = writer.write(expr)
    const write = text ? `out.copy(i, ${text.bytes}, ${text.start}, ${text.end})` : `out.write(i, ${value})`
    if (expr.type.kind === 'bytea' && !text) {
      return textLoop(writer, `{ const made = ${value}; out.copy(i, made, 0, made.length) }`, isNull)
    }
    return textLoop(writer, write, isNull)
  })
  return (batch, context) => {
    const { rowCount } = batch
    const kernel = variant(batch) as Arrays
    const out = new TextWriter(rowCount)
    const valid = new Uint8Array(rowCount)
    const nulls = kernel(batch.columns, rowCount, context, out, valid)
    return out.finish(nulls === 0 ? undefined : valid)
  }
}

function textLoop(writer: CodeWriter, write: string, isNull: string): string {
  const body = isNull === 'false' ? write : `if (${isNull}) nulls++\n else { valid[i] = 1; ${write} }`
  return `function project(columns, count, context, out, valid) {
    let nulls = 0
    ${prologue(writer)}
    for (let i = 0; i < count; i++) {
      ${writer.lines.join('\n      ')}
      ${body}
    }
    return nulls
  }`
}

/** The one byte array that all places of an expression lie in, or undefined when there are several. */
function singleSource(expr: Expr): number | 'pool' | undefined {
  const sources = new Set<number | 'pool'>()
  const visit = (e: Expr): void => {
    if (e.kind === 'column') sources.add(e.index)
    else if (e.kind === 'literal') {
      if (e.value !== null) sources.add('pool')
    } else if (e.kind === 'cast') visit(e.arg)
    else if (e.kind === 'case') for (const part of [...e.branches.map(b => b.then), e.otherwise]) visit(part)
    else if (e.kind === 'coalesce') for (const arg of e.args) visit(arg)
  }
  visit(expr)
  if (sources.size > 1) return undefined
  const [only = 'pool'] = sources
  return only
}

const VARIANTS_MAX = 16

/**
 * One generated function for every set of columns with NULLs seen, made when first met. Where batches keep differing, the
 * variant for NULLs everywhere takes over.
 */
function variants(generate: (writer: CodeWriter) => string): (batch: Batch) => unknown {
  const used = new CodeWriter(() => false)
  generate(used)
  const columns = [...used.columns]
  const compile = (nullable: (column: number) => boolean): unknown => {
    const writer = new CodeWriter(nullable)
    const source = generate(writer)
    return compileSource(['pool', ...writer.constantNames], [writer.pool, ...writer.constants], source)
  }
  const made = new Map<string, unknown>()
  let general: unknown
  return batch => {
    let key = ''
    for (const column of columns) key += batch.columns[column].valid ? '1' : '0'
    let kernel = made.get(key)
    if (kernel) return kernel
    if (made.size >= VARIANTS_MAX) {
      general ??= compile(() => true)
      return general
    }
    kernel = compile(column => batch.columns[column].valid !== undefined)
    made.set(key, kernel)
    return kernel
  }
}

/** Binds the arrays of the columns read to local names. */
function prologue(writer: CodeWriter): string {
  return [...writer.columns]
    .map(index => {
      const c = `c${index}`
      return `const ${c}x = columns[${index}], ${c}v = ${c}x.valid ?? allValid(count)
      const ${c} = ${c}x.values ?? ${c}x.words, ${c}s = ${c}x.starts, ${c}e = ${c}x.ends, ${c}b = ${c}x.bytes`
    })
    .join('\n      ')
}

function checkColumns(expr: Expr, schema: Schema): void {
  if (expr.kind === 'column') {
    const { length } = schema.fields
    assert(expr.index < length, `column ${expr.index} is one of ${length}`)
  }
  for (const child of childrenOf(expr)) checkColumns(child, schema)
}
