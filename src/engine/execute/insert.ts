import type { Insert } from '../../../grammar/statements.ts'
import { EngineError, notSupported } from '../../base/errors.ts'
import { type Batch, batchOfRows } from '../../batch/batch.ts'
import { datumAt } from '../../batch/column.ts'
import type { Datum, Schema } from '../../batch/types.ts'
import { compileProjection } from '../../expr/compile.ts'
import type { Expr } from '../../expr/expr.ts'
import { bindInsertRows } from '../../plan/bind/insert.ts'
import { substituteInExpr } from '../../plan/parameters.ts'
import type { ClientSession } from '../client-session.ts'
import type { SourceObject } from '../objects.ts'
import type { Result } from '../session.ts'
import { writtenColumns } from '../source-columns.ts'
import { command, type ParameterTypes, type Plan } from './plan-statement.ts'

/** INSERT … VALUES into a source or stream: produces to its topic. The statement answers when the records are durable. */
export async function planInsert(ast: Insert, types: ParameterTypes, session: ClientSession): Promise<Plan> {
  const { engine, options } = session
  if (ast.onConflict) throw notSupported('ON CONFLICT', ast.onConflict.at + 1)
  if (ast.returning.length > 0) throw notSupported('RETURNING', ast.at + 1)
  const object = engine.catalog.get(ast.table, options.searchPath, ast.at)
  if (object.kind !== 'source')
    throw new EngineError('42809', `cannot insert into ${object.kind} "${object.shortName}"`, { position: ast.at + 1 })
  if (ast.query === undefined) throw notSupported('DEFAULT VALUES', ast.at + 1)
  if (ast.query.body.kind !== 'values') return standingInsert(ast, object)
  const target = targetColumns(ast, object)
  const { rows, parameterTypes } = bindInsertRows(ast.query.body, target, types)
  const run = async (parameters: readonly Datum[]): Promise<Result> => {
    const evalContext = { nowMicros: Math.floor(engine.options.clock.nowMs() * 1000), timeZone: options.timeZone }
    const values = rows.map(row => row.map(expr => evaluate(substituteInExpr(expr, parameters), evalContext)))
    await engine.produce(object, fullRows(object.schema, target, values))
    return { kind: 'command', tag: `INSERT 0 ${rows.length}` }
  }
  return { parameterTypes, schema: undefined, run }
}

const oneRow: Batch = { schema: { fields: [] }, rowCount: 1, columns: [], weights: undefined }

function evaluate(expr: Expr, context: { nowMicros: number; timeZone: string }): Datum {
  return datumAt(compileProjection([expr], oneRow.schema)(oneRow, context)[0], 0, expr.type.kind === 'bytea')
}

/** The columns the statement gives, in its order: without a list the first ones of the source. */
function targetColumns(ast: Insert, object: SourceObject): Schema {
  const own = writtenColumns(object.spec).map(i => object.schema.fields[i])
  if (ast.columns.length === 0) return { fields: own }
  const fields = ast.columns.map(({ name, at }) => {
    const field = own.find(f => f.name === name)
    if (!field)
      throw new EngineError('42703', `column "${name}" of "${object.shortName}" does not exist`, {
        position: at + 1,
        hint: own.map(f => f.name).join(', '),
      })
    return field
  })
  return { fields }
}

function fullRows(schema: Schema, target: Schema, rows: readonly (readonly Datum[])[]): Batch {
  const from = schema.fields.map(f => target.fields.findIndex(t => t.name === f.name))
  return batchOfRows(
    schema,
    rows.map(row => from.map(i => (i < 0 ? null : (row[i] ?? null)))),
  )
}

/** ksqlDB's and Flink's INSERT INTO topic SELECT: a standing job. */
function standingInsert(ast: Insert, object: SourceObject): Plan {
  void command
  throw notSupported(
    'INSERT … SELECT',
    ast.at + 1,
    `CREATE SINK s AS SELECT … WITH (connector = '${object.spec.connector}', topic = '${object.shortName}') runs as a job`,
  )
}
