import type { Insert } from '../../../grammar/statements.ts'
import { assert } from '../../base/assert.ts'
import { notSupported } from '../../base/errors.ts'
import { type Batch, batchOfRows, rowAt } from '../../batch/batch.ts'
import { datumAt } from '../../batch/column.ts'
import type { Datum, Schema } from '../../batch/types.ts'
import { compileProjection } from '../../expr/compile.ts'
import type { Expr } from '../../expr/expr.ts'
import { bindInsertRows } from '../../plan/bind/insert.ts'
import type { LogicalPlan } from '../../plan/logical.ts'
import { substituteInExpr } from '../../plan/parameters.ts'
import type { ClientSession } from '../client-session.ts'
import { defineInsert, insertedAtOnce, insertTarget } from '../define-insert.ts'
import type { SourceObject } from '../objects.ts'
import type { ReadRequest } from '../read.ts'
import type { Result, Statement } from '../session.ts'
import { requireKey } from './modify.ts'
import { command, type ParameterTypes, type Plan } from './plan-statement.ts'

/** INSERT into a source or stream produces to its topic: VALUES at once, what a query of topics and views gives by a job. */
export async function planInsert(
  ast: Insert,
  statement: Statement,
  types: ParameterTypes,
  session: ClientSession,
): Promise<Plan> {
  const { engine, options } = session
  const { source, columns: target } = insertTarget(ast, options, engine)
  if (ast.query === undefined) throw notSupported('DEFAULT VALUES', ast.at + 1)
  if (ast.query.body.kind !== 'values') return planInsertQuery(ast, statement, session)
  const { rows, parameterTypes } = bindInsertRows(ast.query.body, target, types, session.bindOptions('read'))
  const run = async (parameters: readonly Datum[]): Promise<Result> => {
    const evalContext = session.evalContext()
    const values = rows.map(row => row.map(expr => evaluate(substituteInExpr(expr, parameters), evalContext)))
    await engine.produce(source, keyed(source, fullRows(source.schema, target, values)))
    return { kind: 'command', tag: `INSERT 0 ${rows.length}` }
  }
  return { parameterTypes, schema: undefined, run }
}

function planInsertQuery(ast: Insert, statement: Statement, session: ClientSession): Plan {
  const { engine } = session
  const context = session.context(statement)
  const { source } = insertTarget(ast, context, engine)
  const plan = insertedAtOnce(ast, context, engine)
  return command(async () => {
    if (plan) return `INSERT 0 ${await insertNow(plan, source, session)}`
    return await engine.change(async () => {
      const object = defineInsert(ast, context, engine, '')
      assert(object !== undefined, 'the query goes on')
      await engine.create(object)
      session.notice(
        `job "${object.shortName}" fills "${source.shortName}" from now on; DROP JOB ${object.shortName} ends it`,
      )
      return 'INSERT 0 0'
    })
  })
}

async function insertNow(plan: LogicalPlan, source: SourceObject, session: ClientSession): Promise<number> {
  const { engine } = session
  const request: ReadRequest = {
    ...{ kind: 'read', plan, sources: {}, given: {}, snapshot: true, differences: false },
    ...session.evalContext(),
  }
  const rows: Datum[][] = []
  for await (const batch of engine.read(request, new AbortController().signal))
    for (let i = 0; i < batch.rowCount; i++) rows.push(rowAt(batch, i))
  await engine.produce(source, keyed(source, fullRows(source.schema, plan.schema, rows)))
  return rows.length
}

/** The rows, each of which has its key. */
function keyed(source: SourceObject, rows: Batch): Batch {
  for (let i = 0; i < rows.rowCount; i++) requireKey(source, rowAt(rows, i))
  return rows
}

const oneRow: Batch = { schema: { fields: [] }, rowCount: 1, columns: [], weights: undefined }

function evaluate(expr: Expr, context: { nowMicros: number; timeZone: string }): Datum {
  return datumAt(compileProjection([expr], oneRow.schema)(oneRow, context)[0], 0, expr.type.kind === 'bytea')
}

/** Rows of the columns given as rows of the whole schema: what is not given is NULL. */
export function fullRows(schema: Schema, target: Schema, rows: readonly (readonly Datum[])[]): Batch {
  const from = schema.fields.map(f => target.fields.findIndex(t => t.name === f.name))
  return batchOfRows(
    schema,
    rows.map(row => from.map(i => (i < 0 ? null : (row[i] ?? null)))),
  )
}
