import type { Query, SetOperation } from '../../../grammar/query.ts'
import { assert } from '../../base/assert.ts'
import { EngineError } from '../../base/errors.ts'
import { BOOLEAN, type DataType, type Schema } from '../../batch/types.ts'
import { resolveAggregate } from '../../expr/aggregate/resolve.ts'
import type { AggregateCall, Expr } from '../../expr/expr.ts'
import type { LogicalPlan } from '../logical.ts'
import { windowEndKey } from '../properties.ts'
import { conjunction } from '../rules/push-predicates.ts'
import { coerce, settle, unifiedType } from './coerce.ts'
import type { BindContext } from './context.ts'
import type { QueryEnv } from './from.ts'
import { distinctRows } from './grouping.ts'
import { compare } from './operators.ts'
import { bindNestedQuery } from './query.ts'
import { EMPTY_SCOPE } from './scope.ts'
import { filter, project } from './select.ts'

/** UNION ALL; UNION as DISTINCT over it; INTERSECT and EXCEPT by counting each row on both sides. From left to right. */
export function bindSetOperation(node: SetOperation, env: QueryEnv): LogicalPlan {
  const { context } = env
  let inputs: Input[] = [{ plan: bindNestedQuery(node.first, env, true), query: node.first }]
  for (const { op, all, query, at } of node.rest) {
    const right: Input = { plan: bindNestedQuery(query, env, true), query }
    if (op === 'union') {
      inputs.push(right)
      if (all) continue
      const plan = distinctRows(union(inputs, context), context, at + 1)
      inputs = [{ plan, query: node.first }]
      continue
    }
    const left = inputs.length === 1 ? inputs[0] : { plan: union(inputs, context), query: node.first }
    inputs = [{ plan: counted({ op, all, at }, left, right, context), query: node.first }]
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

/**
 * Each row once that both inputs have, or only the first; ALL: as often as the side that has it less, or as it is left over. NULLs are
 * equal here, as they are in GROUP BY. A group a row says how often each side has it, so what one side takes back is felt at once.
 */
function counted(
  { op, all, at }: { readonly op: 'intersect' | 'except'; readonly all: boolean; readonly at: number },
  left: Input,
  right: Input,
  context: BindContext,
): LogicalPlan {
  const aligned = alike([left, right], op, context)
  const { fields } = aligned.schema
  const columns = fields.map((field, index): Expr => ({ kind: 'column', index, ...field }))
  const sides = aligned.plans.map((plan, side) => {
    const own = columns.map(expr => ({ expr, name: expr.kind === 'column' ? expr.name : '?column?' }))
    return project(plan, [...own, { expr: { kind: 'literal', value: side === 0, type: BOOLEAN }, name: 'first' }])
  })
  const input: LogicalPlan = { kind: 'union', inputs: sides, schema: sides[0].schema }
  const isFirst: Expr = { kind: 'column', index: fields.length, name: 'first', type: BOOLEAN }
  const count = resolveAggregate('count', [])
  assert(count !== undefined, 'rows can be counted')
  const countOf = (condition: Expr): AggregateCall => {
    return { ...count, name: 'count', args: [], distinct: false, orderBy: [], filter: condition }
  }
  const windowEnd = windowEndKey(input, columns)
  const groups: LogicalPlan = {
    kind: 'aggregate',
    input,
    keys: columns,
    aggregates: [countOf(isFirst), countOf({ kind: 'not', arg: isFirst, type: BOOLEAN })],
    ...(windowEnd !== undefined && { windowEnd }),
    final: false,
    schema: { fields: [...fields, { name: 'in_first', type: count.type }, { name: 'in_second', type: count.type }] },
  }
  context.positions.set(groups, at + 1)
  const zero: Expr = { kind: 'literal', value: 0, type: count.type }
  const env = { context, scope: EMPTY_SCOPE, clause: op.toUpperCase() }
  const [inFirst, inSecond] = [fields.length, fields.length + 1].map(
    (index): Expr => ({ kind: 'column', index, ...groups.schema.fields[index] }),
  )
  const computed = (by: string, a: Expr, b: Expr): Expr => compare(by, a, b, env, at)
  const own = columns.map((expr, i) => ({ expr, name: fields[i].name }))
  if (!all) {
    const second = computed(op === 'intersect' ? '>' : '=', inSecond, zero)
    return project(filter(groups, conjunction([computed('>', inFirst, zero), second])), own)
  }
  const fewer: Expr = {
    kind: 'case',
    branches: [{ when: computed('<', inFirst, inSecond), then: inFirst }],
    otherwise: inSecond,
    type: count.type,
  }
  const times = op === 'intersect' ? fewer : computed('-', inFirst, inSecond)
  const timed = project(groups, [...own, { expr: times, name: 'times' }])
  return project({ kind: 'repeat', input: timed, count: fields.length, schema: timed.schema }, own)
}

function union(inputs: readonly Input[], context: BindContext): LogicalPlan {
  const { plans, schema } = alike(inputs, 'union', context)
  // UNION ALL of a UNION ALL is one.
  return { kind: 'union', inputs: plans.flatMap(plan => (plan.kind === 'union' ? plan.inputs : [plan])), schema }
}

/** The inputs with columns of the same types; the first names them. */
function alike(
  inputs: readonly Input[],
  op: 'union' | 'intersect' | 'except',
  context: BindContext,
): { readonly plans: readonly LogicalPlan[]; readonly schema: Schema } {
  const [first] = inputs
  const clause = op.toUpperCase()
  const { fields } = first.plan.schema
  for (const { plan, query } of inputs) {
    if (plan.schema.fields.length === fields.length) continue
    throw new EngineError('42601', `each ${clause} query must have the same number of columns`, {
      position: columnAt(query, 0) + 1,
    })
  }
  const types = fields.map((_, c) => {
    const columns = inputs.map(({ plan }) => plan.schema.fields[c].type)
    return unifiedType(
      columns,
      clause,
      inputs.map(i => columnAt(i.query, c)),
    )
  })
  const plans = inputs.map(({ plan, query }) =>
    withTypes(plan, types, (expr, type) =>
      settle(coerce(expr, type, 'implicit', context, query.at), context, query.at),
    ),
  )
  return { plans, schema: { fields: fields.map((f, c) => ({ name: f.name, type: types[c] })) } }
}

/** Where column `c` of a query is written, as far as that can be told. */
function columnAt(query: Query, c: number): number {
  const { body } = query
  if (body.kind === 'values') return body.rows[0].at(c)?.at ?? query.at
  if (body.kind !== 'select' || body.items.slice(0, c + 1).some(item => item.expr.kind === 'star')) return query.at
  return body.items.at(c)?.at ?? query.at
}
