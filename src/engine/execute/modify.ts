import type { Expr as AstExpr } from '../../../grammar/ast.ts'
import type { Query, SelectItem, TableRef } from '../../../grammar/query.ts'
import type { Delete, Truncate, Update } from '../../../grammar/statements.ts'
import { EngineError, notSupported } from '../../base/errors.ts'
import { batchOfRows, rowAt } from '../../batch/batch.ts'
import type { Datum } from '../../batch/types.ts'
import { sameDatum } from '../../operators/changes.ts'
import { bindInsertQuery } from '../../plan/bind/insert.ts'
import { optimize } from '../../plan/optimize.ts'
import { substituteParameters } from '../../plan/parameters.ts'
import type { ClientSession } from '../client-session.ts'
import type { SourceObject } from '../objects.ts'
import type { ReadRequest } from '../read.ts'
import type { Result } from '../session.ts'
import type { ParameterTypes, Plan } from './plan-statement.ts'

/**
 * UPDATE: the rows that WHERE finds now, as they are to be, are produced to the table's topic; a row whose key changed is deleted under the
 * old one. What is found and what is written are not one transaction: of two at a time for a row the later wins.
 */
export function planUpdate(ast: Update, types: ParameterTypes, session: ClientSession): Plan {
  const source = keyedTable(ast.table, ast.at, session)
  refuseReturning(ast)
  const { fields } = source.schema
  const name = ast.alias ?? ast.table[ast.table.length - 1]
  const column = (field: string): AstExpr => ({ kind: 'column', name: [name, field], at: ast.at })
  const set = new Map<string, AstExpr>()
  for (const { targets, value, at } of ast.set) {
    const [target] = targets
    if (targets.length !== 1 || target.kind !== 'column') throw notSupported('SET of several columns at once', at + 1)
    const field = target.name[target.name.length - 1]
    if (!fields.some(f => f.name === field)) {
      throw new EngineError('42703', `column "${field}" of table "${source.shortName}" does not exist`, {
        position: target.at + 1,
        hint: `There is ${fields.map(f => f.name).join(', ')}.`,
      })
    }
    if (set.has(field)) {
      throw new EngineError('42601', `multiple assignments to same column "${field}"`, { position: at + 1 })
    }
    set.set(field, value)
  }
  const items = fields.map(f => set.get(f.name) ?? column(f.name))
  return planChange({ source, ast, items, more: ast.from, where: ast.where, tag: 'UPDATE' }, types, session)
}

/** DELETE: a deletion for each row that WHERE finds now. */
export function planDelete(ast: Delete, types: ParameterTypes, session: ClientSession): Plan {
  const source = keyedTable(ast.table, ast.at, session)
  refuseReturning(ast)
  return planChange({ source, ast, items: undefined, more: ast.using, where: ast.where, tag: 'DELETE' }, types, session)
}

/** TRUNCATE: a deletion for every row. */
export function planTruncate(ast: Truncate, session: ClientSession): Plan {
  const plans = ast.names.map(table =>
    planDelete({ kind: 'delete', table, only: false, using: [], returning: [], at: ast.at }, [], session),
  )
  const run: Plan['run'] = async (parameters, signal) => {
    for (const plan of plans) await plan.run(parameters, signal)
    return { kind: 'command', tag: 'TRUNCATE TABLE' }
  }
  return { parameterTypes: [], schema: undefined, run }
}

interface Change {
  readonly source: SourceObject
  readonly ast: Update | Delete
  /** The new row; undefined: none. */
  readonly items: readonly AstExpr[] | undefined
  readonly more: readonly TableRef[]
  readonly where: AstExpr | undefined
  readonly tag: 'UPDATE' | 'DELETE'
}

function planChange(
  { source, ast, items, more, where, tag }: Change,
  types: ParameterTypes,
  session: ClientSession,
): Plan {
  const { engine } = session
  const { fields } = source.schema
  const { at, alias } = ast
  const name = alias ?? ast.table[ast.table.length - 1]
  const old = fields.map((f): AstExpr => ({ kind: 'column', name: [name, f.name], at }))
  const table: TableRef = {
    kind: 'table',
    name: ast.table,
    only: ast.only,
    ...(alias && { alias: { name: alias, columns: [] } }),
    at,
  }
  const query: Query = {
    kind: 'query',
    ...(ast.with && { with: ast.with }),
    body: {
      kind: 'select',
      items: [...old, ...(items ?? [])].map((expr): SelectItem => ({ expr, at: expr.at })),
      from: [table, ...more],
      ...(where && { where }),
      windows: [],
      at,
    },
    orderBy: [],
    withTies: false,
    locking: [],
    at,
  }
  const target = { fields: items ? [...fields, ...fields] : fields }
  const bound = bindInsertQuery(query, target, engine.catalog.view(), session.bindOptions('read', types))
  const key = source.spec.upsertKey ?? []
  const run = async (parameters: readonly Datum[], signal: AbortSignal): Promise<Result> => {
    const context = session.evalContext()
    const request: ReadRequest = {
      kind: 'read',
      plan: optimize(substituteParameters(bound.plan, parameters), context),
      sources: engine.sourcesOf(bound.plan),
      given: {},
      snapshot: true,
      differences: false,
      ...context,
    }
    const rows: Datum[][] = []
    const weights: number[] = []
    const found = new Set<string>()
    for await (const batch of engine.read(request, signal)) {
      for (let i = 0; i < batch.rowCount; i++) {
        const row = rowAt(batch, i)
        const before = row.slice(0, fields.length)
        // A row that FROM or USING finds several times changes once.
        const id = JSON.stringify(key.map(k => String(before[k])))
        if (found.has(id)) continue
        found.add(id)
        const after = items ? row.slice(fields.length) : undefined
        if (after && key.some(k => after[k] === null)) throw nullKey(source)
        if (!after || key.some(k => !sameDatum(before[k], after[k]))) {
          rows.push(before)
          weights.push(-1)
        }
        if (!after) continue
        rows.push(after)
        weights.push(1)
      }
    }
    if (rows.length > 0) await engine.produce(source, batchOfRows(source.schema, rows, weights))
    return { kind: 'command', tag: `${tag} ${found.size}` }
  }
  return { parameterTypes: bound.parameterTypes, schema: undefined, run }
}

function nullKey({ schema, spec, shortName }: SourceObject): EngineError {
  const names = (spec.upsertKey ?? []).map(k => schema.fields[k].name).join(', ')
  return new EngineError('23502', `the key (${names}) of table "${shortName}" must not be NULL`)
}

/** Refuses a row to insert that lacks its key. */
export function requireKey(source: SourceObject, row: readonly Datum[]): void {
  const { upsertKey = [] } = source.spec
  if (upsertKey.some(k => row[k] === null)) throw nullKey(source)
}

function keyedTable(name: readonly string[], at: number, session: ClientSession): SourceObject {
  const { engine, options } = session
  const object = engine.catalog.get(name, options.searchPath, at)
  if (object.kind === 'source' && object.spec.upsertKey) return object
  const hint =
    object.kind === 'source'
      ? 'Its rows have no key to find them by: declare PRIMARY KEY.'
      : 'Only tables and topics with a key have rows that can be changed.'
  throw new EngineError('42809', `"${object.shortName}" cannot be changed`, { position: at + 1, hint })
}

function refuseReturning({ returning }: Update | Delete): void {
  if (returning.length > 0) throw notSupported('RETURNING', returning[0].at + 1)
}
