import { type Batch, createBatch, rowAt } from '../batch/batch.ts'
import { encodeUtf8 } from '../batch/column.ts'
import { BIGINT, type Schema } from '../batch/types.ts'
import type { BadRecord, Polled, Position, Source } from '../connector.ts'
import type { SideOutput } from '../dataflow/operator.ts'
import type { Expr } from '../expr/expr.ts'
import { collectColumns, replaceColumns } from '../expr/walk.ts'
import type { DecodedColumn } from '../format/format.ts'
import { compilerFor, type Evaluate, evaluateRows } from '../operators/evaluate.ts'
import type { SourceSpec } from './objects.ts'
import { rowAsJson } from './row-as-json.ts'

export interface ComputedColumnsOptions {
  readonly spec: SourceSpec
  /** Which columns of the relation come out, generated ones among them. */
  readonly columns: readonly number[]
  /** Opens the source that decodes what records hold. */
  readonly open: (columns: readonly DecodedColumn[]) => Source
  readonly nowMs: () => number
}

/**
 * A source with generated columns: they are computed from each polled batch, so that the watermark and everything behind sees them like
 * decoded ones. Only what they and the scan need is decoded. A row they fail on is a bad record, like one that cannot be decoded.
 */
export class ComputedColumns implements Source {
  readonly #source: Source
  readonly #schema: Schema
  readonly #evaluate: Evaluate

  constructor({ spec, columns, open, nowMs }: ComputedColumnsOptions) {
    const { exprs, timeZone } = spec.computed ?? { exprs: {}, timeZone: 'UTC' }
    const wanted = columns.map((index): Expr => exprs[index] ?? { kind: 'column', index, ...spec.columns[index] })
    const read = new Set<number>()
    for (const expr of wanted) collectColumns(expr, read)
    const decoded = [...read].sort((a, b) => a - b)
    const moved = wanted.map(expr => replaceColumns(expr, c => ({ ...c, index: decoded.indexOf(c.index) })))
    // The offset comes last, for the reports of bad rows.
    const offset: DecodedColumn = { name: 'offset', type: BIGINT, metadata: 'offset' }
    const inner = [...decoded.map(c => spec.columns[c]), offset]
    const context = () => ({ nowMicros: Math.floor(nowMs() * 1000), timeZone })
    this.#source = open(inner)
    this.#evaluate = compilerFor({ fields: inner.map(({ name, type }) => ({ name, type })) }, context)(moved)
    this.#schema = { fields: columns.map(c => ({ name: spec.columns[c].name, type: spec.columns[c].type })) }
  }

  async poll(rowsMax: number, signal: AbortSignal): Promise<Polled> {
    const polled = await this.#source.poll(rowsMax, signal)
    if (polled.kind !== 'rows') return polled
    const { partition } = polled
    const bad: BadRecord[] = [...polled.bad]
    const side: SideOutput = {
      late: () => {},
      bad: (batch, row, reason) => bad.push(this.#badRecord(partition, batch, row, reason)),
    }
    const { batch, columns } = evaluateRows(this.#evaluate, polled.batch, side)
    return { kind: 'rows', partition, batch: createBatch(this.#schema, batch.rowCount, columns), bad }
  }

  open(position: Position | undefined): Promise<void> {
    return this.#source.open(position)
  }

  position(): Position {
    return this.#source.position()
  }

  partitions(): readonly string[] {
    return this.#source.partitions()
  }

  async acknowledge(position: Position): Promise<void> {
    await this.#source.acknowledge?.(position)
  }

  lag(): number | undefined {
    return this.#source.lag?.()
  }

  needsCheckpoint(): boolean {
    return this.#source.needsCheckpoint?.() ?? false
  }

  close(): Promise<void> {
    return this.#source.close()
  }

  #badRecord(partition: string, batch: Batch, row: number, reason: string): BadRecord {
    const [offset, ...values] = rowAt(batch, row).reverse()
    const names = batch.schema.fields.slice(0, -1).map(f => f.name)
    const raw = encodeUtf8(rowAsJson(names, values.reverse(), batch))
    return { partition, offset: typeof offset === 'bigint' ? offset : Number(offset ?? -1), reason, raw }
  }
}
