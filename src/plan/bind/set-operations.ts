import type { Query, SetOperation } from '../../../grammar/query.ts'
import { EngineError, notSupported } from '../../base/errors.ts'
import type { DataType } from '../../batch/types.ts'
import type { Expr } from '../../expr/expr.ts'
import type { LogicalPlan } from '../logical.ts'
import { coerce, settle, unifiedType } from './coerce.ts'
import type { BindContext } from './context.ts'
import type { QueryEnv } from './from.ts'
import { distinctRows } from './grouping.ts'
import { bindNestedQuery } from './query.ts'
import { project } from './select.ts'

/** UNION ALL, and UNION as DISTINCT over it; from left to right. */
export function bindSetOperation(node: SetOperation, env: QueryEnv): LogicalPlan {
  const { context } = env
  let inputs: Input[] = [{ plan: bindNestedQuery(node.first, env, true), query: node.first }]
  for (const { op, all, query, at } of node.rest) {
    if (op !== 'union') throw notSupported(op.toUpperCase(), at + 1)
    inputs.push({ plan: bindNestedQuery(query, env, true), query })
    if (all) continue
    const plan = distinctRows(union(inputs, context), context, at + 1)
    inputs = [{ plan, query: node.first }]
  }
  return inputs.length === 1 ? inputs[0].plan : union(inputs, context)
}

/** The plan's columns as other types. Untyped constants take them; nothing is added where nothing changes. */
export function withTypes(
  plan: LogicalPlan,
  types: readonly DataType[],
  cast: (expr: Expr, type: DataType) => Expr,
): LogicalPlan {
  const { fields } = plan.schema
  const onTop = plan.kind !== 'project'
  const exprs = onTop ? fields.map((field, index): Expr => ({ kind: 'column', index, ...field })) : plan.exprs
  const converted = exprs.map((expr, i) => cast(expr, types[i]))
  if (converted.every((expr, i) => expr === exprs[i])) return plan
  return project(
    onTop ? plan : plan.input,
    converted.map((expr, i) => ({ expr, name: fields[i].name })),
  )
}

interface Input {
  readonly plan: LogicalPlan
  readonly query: Query
}

function union(inputs: readonly Input[], context: BindContext): LogicalPlan {
  const [first] = inputs
  const { fields } = first.plan.schema
  for (const { plan, query } of inputs) {
    if (plan.schema.fields.length === fields.length) continue
    throw new EngineError('42601', 'each UNION query must have the same number of columns', {
      position: columnAt(query, 0) + 1,
    })
  }
  const types = fields.map((_, c) => {
    const columns = inputs.map(({ plan }) => plan.schema.fields[c].type)
    return unifiedType(
      columns,
      'UNION',
      inputs.map(i => columnAt(i.query, c)),
    )
  })
  const plans = inputs.map(({ plan, query }) =>
    withTypes(plan, types, (expr, type) =>
      settle(coerce(expr, type, 'implicit', context, query.at), context, query.at),
    ),
  )
  // UNION ALL of a UNION ALL is one.
  const flat = plans.flatMap(plan => (plan.kind === 'union' ? plan.inputs : [plan]))
  return { kind: 'union', inputs: flat, schema: { fields: fields.map((f, c) => ({ name: f.name, type: types[c] })) } }
}

/** Where column `c` of a query is written, as far as that can be told. */
function columnAt(query: Query, c: number): number {
  const { body } = query
  if (body.kind === 'values') return body.rows[0].at(c)?.at ?? query.at
  if (body.kind !== 'select' || body.items.slice(0, c + 1).some(item => item.expr.kind === 'star')) return query.at
  return body.items.at(c)?.at ?? query.at
}
