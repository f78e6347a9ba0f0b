import type { CopyFrom, CopyTo } from '../../../grammar/commands.ts'
import { EngineError, notSupported, toEngineError } from '../../base/errors.ts'
import type { Datum, Field, Schema } from '../../batch/types.ts'
import { parseDatum } from '../../expr/text.ts'
import { type CopyRow, CopyRows } from '../../format/copy-rows.ts'
import type { ClientSession } from '../client-session.ts'
import { type CopyFormat, copyFormat } from '../copy-options.ts'
import { writeTarget } from '../define-insert.ts'
import type { CopyTarget, Result, Statement } from '../session.ts'
import { fullRows } from './insert.ts'
import { type Plan, planStatement } from './plan-statement.ts'
import { queryOf } from './queries.ts'

/** COPY … TO STDOUT. */
export async function planCopyTo(ast: CopyTo, statement: Statement, session: ClientSession): Promise<Plan> {
  if (ast.file !== undefined)
    throw notSupported('COPY to a file on the server', ast.at + 1, "TO STDOUT; psql's \\copy writes files")
  const { from } = ast
  const inner = 'kind' in from ? from : queryOf(from.table, from.columns)
  const plan = await planStatement(inner, statement, [], session)
  const { schema } = plan
  if (!schema) throw new EngineError('0A000', 'COPY needs a statement that returns rows', { position: ast.at + 1 })
  const format = copyFormat(ast.options, 'to')
  if (format.kind !== 'binary') checkNames(format.forceQuote, schema.fields, 'FORCE_QUOTE')
  const run = async (parameters: readonly Datum[], signal: AbortSignal): Promise<Result> => {
    const result = await plan.run(parameters, signal)
    if (result.kind !== 'rows') throw new EngineError('0A000', 'COPY needs a statement that returns rows')
    return { kind: 'copy', format, schema: result.schema, batches: result.batches }
  }
  return { parameterTypes: plan.parameterTypes, schema: undefined, run }
}

/** COPY … FROM STDIN into a source or stream: produces to its topic, as INSERT … VALUES does. */
export function planCopyFrom(ast: CopyFrom, session: ClientSession): Plan {
  const { engine } = session
  if (ast.file !== undefined)
    throw notSupported('COPY from a file on the server', ast.at + 1, "FROM STDIN; psql's \\copy reads files")
  if (ast.where) throw notSupported('WHERE in COPY', ast.where.at + 1, 'a view over the topic may leave rows out')
  const named = ast.columns.map(name => ({ name, at: ast.at }))
  const { source, columns } = writeTarget(
    ast.table,
    named,
    { searchPath: session.options.searchPath, at: ast.at },
    engine,
  )
  const format = copyFormat(ast.options, 'from')
  if (format.kind === 'binary') throw notSupported('COPY FROM in binary format', ast.at + 1, 'FORMAT text or csv')
  checkNames(format.forceNotNull, columns.fields, 'FORCE_NOT_NULL')
  checkNames(format.forceNull, columns.fields, 'FORCE_NULL')
  const run = async (): Promise<Result> => {
    const write = (rows: readonly (readonly Datum[])[]): Promise<void> =>
      engine.produce(source, fullRows(source.schema, columns, rows))
    const { timeZone, nowMicros } = session.evalContext()
    const target = new CopyInput(source.shortName, columns, format, { write, settings: { timeZone, nowMicros } })
    return { kind: 'copy-in', columnCount: columns.fields.length, target }
  }
  return { parameterTypes: [], schema: undefined, run }
}

function checkNames(names: readonly string[] | 'all', fields: readonly Field[], option: string): void {
  if (names === 'all') return
  for (const name of names) {
    if (fields.some(f => f.name === name)) continue
    throw new EngineError('42703', `${option} column "${name}" is not among those that are copied`, {
      hint: fields.map(f => f.name).join(', '),
    })
  }
}

/** Input that is written as a whole, so that one wrong row leaves nothing of it; more comes in parts of this size. */
const PART_BYTES = 32 * 1024 * 1024

type Delimited = Exclude<CopyFormat, { kind: 'binary' }>

/** Rows of text on their way to a topic. */
class CopyInput implements CopyTarget {
  readonly #name: string
  readonly #fields: readonly Field[]
  readonly #header: Delimited['header']
  readonly #rows: CopyRows
  readonly #write: (rows: readonly (readonly Datum[])[]) => Promise<void>
  readonly #settings: Parameters<typeof parseDatum>[2]
  #part: (readonly Datum[])[] = []
  #partBytes = 0
  #written = 0
  #headerRead = false

  constructor(
    name: string,
    schema: Schema,
    format: Delimited,
    to: {
      readonly write: (rows: readonly (readonly Datum[])[]) => Promise<void>
      readonly settings: Parameters<typeof parseDatum>[2]
    },
  ) {
    this.#name = name
    this.#fields = schema.fields
    this.#header = format.header
    this.#write = to.write
    this.#settings = to.settings
    const among = (names: readonly string[] | 'all') => (field: number) =>
      names === 'all' || names.includes(schema.fields[field]?.name ?? '')
    this.#rows = new CopyRows({
      ...format,
      notNull: among(format.forceNotNull),
      nullQuoted: among(format.forceNull),
    })
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#partBytes += bytes.length
    this.#read(() => this.#rows.push(bytes))
    if (this.#partBytes >= PART_BYTES) await this.#flush()
  }

  async finish(): Promise<number> {
    this.#read(() => this.#rows.finish())
    await this.#flush()
    return this.#written
  }

  async abandon(reason: string): Promise<never> {
    throw this.#told(new EngineError('57014', `COPY from stdin failed: ${reason}`))
  }

  #read(next: () => readonly CopyRow[]): void {
    try {
      for (const row of next()) {
        if (this.#header !== false && !this.#headerRead) this.#readHeader(row)
        else this.#part.push(this.#values(row))
      }
    } catch (error) {
      throw this.#told(toEngineError(error))
    }
  }

  async #flush(): Promise<void> {
    const rows = this.#part
    this.#part = []
    this.#partBytes = 0
    if (rows.length > 0) await this.#write(rows)
    this.#written += rows.length
  }

  #readHeader({ line, fields }: CopyRow): void {
    this.#headerRead = true
    if (this.#header !== 'match') return
    const expected = this.#fields.map(f => f.name)
    if (fields.length === expected.length && expected.every((name, i) => name === fields[i])) return
    throw this.#wrong(`the header is ${fields.join(', ')}, expected ${expected.join(', ')}`, line)
  }

  #values({ line, fields }: CopyRow): Datum[] {
    const missing = this.#fields.at(fields.length)
    if (fields.length > this.#fields.length) throw this.#wrong('extra data after last expected column', line)
    if (missing) throw this.#wrong(`missing data for column "${missing.name}"`, line)
    return fields.map((field, i) => {
      const { name, type } = this.#fields[i]
      if (field === null) return null
      try {
        return parseDatum(field, type, this.#settings)
      } catch (error) {
        const { sqlState, message, hint } = toEngineError(error)
        throw new EngineError(sqlState, message, { hint, detail: `COPY ${this.#name}, line ${line}, column ${name}` })
      }
    })
  }

  #wrong(message: string, line: number): EngineError {
    return new EngineError('22P04', message, { detail: `COPY ${this.#name}, line ${line}` })
  }

  /** With what has been written already: a topic takes nothing back. */
  #told(error: EngineError): EngineError {
    if (this.#written === 0) return error
    const detail = `${error.detail ? `${error.detail}; ` : ''}the first ${this.#written} rows have been written`
    return new EngineError(error.sqlState, error.message, { hint: error.hint, detail, cause: error })
  }
}
