import type { Batch } from '../../batch/batch.ts'
import type { Datum, Schema } from '../../batch/types.ts'
import type { CopyTarget, Prepared, Result, Session } from '../../engine/session.ts'
import type { TextSettings } from '../../expr/datetime.ts'
import { formatAt, writeCommandComplete, writeCopyResponse, writePlain, writeRowDescription } from './backend.ts'
import { binaryCells } from './binary.ts'
import { validityOf, writeRows } from './cells.ts'
import { copyRows, writeCopyHeader, writeCopyTrailer } from './copy.ts'
import type { Outlet } from './outlet.ts'
import { type BindRows, RowStream } from './row-stream.ts'
import { textCells } from './text.ts'

/** The kind of a DataRow message. */
const DATA_ROW = 68

/** A statement bound to its parameters, and how far its rows have been taken. Runs at the first `run`. */
export class Portal {
  /** Undefined for the empty statement. */
  readonly prepared: Prepared | undefined
  readonly formats: readonly number[]
  readonly sql: string
  readonly #session: Session
  readonly #parameters: readonly Datum[]
  #running: { readonly tag: string; readonly rows: RowStream } | undefined
  #finished = false

  constructor(
    session: Session,
    prepared: Prepared | undefined,
    parameters: readonly Datum[],
    formats: readonly number[],
    sql = '',
  ) {
    this.#session = session
    this.prepared = prepared
    this.#parameters = parameters
    this.formats = formats
    this.sql = sql
  }

  /**
   * Sends rows, up to `rowsMax` (0: all), and how it ended. `describe`: with a RowDescription before them. Answers where the client's data goes
   * when the statement waits for some.
   */
  async run(
    outlet: Outlet,
    options: { readonly rowsMax: number; readonly describe: boolean },
  ): Promise<CopyTarget | undefined> {
    const { out } = outlet
    if (!this.prepared) writePlain(out, 'empty-query')
    else if (this.#running) await this.#sendRows(outlet, this.#running, options.rowsMax)
    // A portal that is done gives no rows again; Postgres answers the same.
    else if (this.#finished) writeCommandComplete(out, countedTag(tagOf(this.prepared), 0))
    else {
      this.#finished = true
      const result = await this.#session.execute(this.prepared, this.#parameters)
      if (result.kind === 'copy-in') {
        writeCopyResponse(out, 'in', result.columnCount, 0)
        outlet.flush()
        return result.target
      }
      await this.#begin(outlet, result, options)
    }
  }

  /** Stops the statement if it runs. */
  async close(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    this.#finished = true
    await running?.rows.close()
  }

  async #begin(
    outlet: Outlet,
    result: Exclude<Result, { kind: 'copy-in' }>,
    options: { rowsMax: number; describe: boolean },
  ): Promise<void> {
    if (result.kind === 'command') return writeCommandComplete(outlet.out, result.tag)
    const settings = { timeZone: timeZoneOf(this.#session) }
    if (result.kind === 'copy') {
      writeCopyResponse(outlet.out, 'out', result.schema.fields.length, result.format.kind === 'binary' ? 1 : 0)
      writeCopyHeader(outlet.out, result.schema, result.format)
      const rows = new RowStream(result.batches, copyRows(result.schema, result.format, settings))
      this.#running = { tag: 'COPY', rows }
      const { count } = await rows.send(outlet, 0)
      this.#running = undefined
      writeCopyTrailer(outlet.out, result.format)
      writePlain(outlet.out, 'copy-done')
      return writeCommandComplete(outlet.out, countedTag('COPY', count))
    }
    if (options.describe) writeRowDescription(outlet.out, result.schema, this.formats)
    this.#running = {
      tag: result.tag,
      rows: new RowStream(result.batches, dataRows(result.schema, this.formats, settings)),
    }
    await this.#sendRows(outlet, this.#running, options.rowsMax)
  }

  async #sendRows(outlet: Outlet, running: { tag: string; rows: RowStream }, rowsMax: number): Promise<void> {
    const { count, done } = await running.rows.send(outlet, rowsMax)
    if (!done) return writePlain(outlet.out, 'suspended')
    this.#running = undefined
    writeCommandComplete(outlet.out, countedTag(running.tag, count))
  }
}

/** The zone that this session's instants are printed and read in. */
export function timeZoneOf(session: Session): string {
  return session.settings.get('timezone') ?? 'UTC'
}

/** Rows as DataRow messages. */
export function dataRows(schema: Schema, formats: readonly number[], settings: TextSettings): BindRows {
  return (batch: Batch) => {
    const cells = batch.columns.map((column, c) => {
      const { type } = schema.fields[c]
      return formatAt(formats, c) === 1 ? binaryCells(column, type) : textCells(column, type, settings)
    })
    const rows = { cells, valids: batch.columns.map(column => validityOf(column, batch.rowCount)) }
    return (out, start, end, bytesMax) => writeRows(out, DATA_ROW, rows, start, end, bytesMax)
  }
}

/** Tags that carry the number of rows; SHOW, EXPLAIN and the like do not. */
const COUNTED = new Set(['SELECT', 'INSERT 0', 'UPDATE', 'DELETE', 'MERGE', 'FETCH', 'MOVE', 'COPY'])

function countedTag(tag: string, count: number): string {
  return COUNTED.has(tag) ? `${tag} ${count}` : tag
}

function tagOf(prepared: Prepared): string {
  return prepared.schema ? 'SELECT' : ''
}
