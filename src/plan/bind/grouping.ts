import { EngineError } from '../../base/errors.ts'
import type { Field } from '../../batch/types.ts'
import type { Expr } from '../../expr/expr.ts'
import { fingerprint, mapChildren } from '../../expr/walk.ts'
import type { Aggregate, LogicalPlan } from '../logical.ts'
import { windowEndColumn, windowEndKey } from '../properties.ts'
import type { AggregateCollector } from './aggregates.ts'
import type { BindContext } from './context.ts'
import { isOuter, isRank, isSubquery } from './scope.ts'

/** GROUP BY and the aggregates over it, built once all expressions of the SELECT are bound over the ungrouped input. */
export class Grouping {
  readonly plan: Aggregate
  #byText = new Map<string, number>()
  #kinds = new Set<string>()
  #context: BindContext
  #inputWidth: number

  /** `name` tells what a key or call is called in the SELECT list; `position` is where errors about the grouping point to. */
  constructor(
    input: LogicalPlan,
    written: readonly Expr[],
    collector: AggregateCollector,
    context: BindContext,
    options: { readonly name: (expr: Expr) => string; readonly position: number },
  ) {
    this.#context = context
    this.#inputWidth = input.schema.fields.length
    const keys: Expr[] = []
    for (const key of withWindowEnd(input, written)) {
      const text = fingerprint(key)
      if (this.#byText.has(text)) continue
      this.#byText.set(text, keys.length)
      this.#kinds.add(key.kind)
      keys.push(key)
    }
    const calls = collector.calls.map((call, i): Field => {
      const column: Expr = { kind: 'column', index: this.#inputWidth + i, name: call.name, type: call.type }
      return { name: options.name(column), type: call.type }
    })
    const fields = [...keys.map(key => ({ name: options.name(key), type: key.type })), ...calls]
    const windowEnd = windowEndKey(input, keys)
    this.plan = {
      kind: 'aggregate',
      input,
      keys,
      aggregates: collector.calls,
      ...(windowEnd !== undefined && { windowEnd }),
      final: false,
      schema: { fields },
    }
    context.positions.set(this.plan, options.position)
  }

  /** An expression of the SELECT over the groups. 42803 when it reads a column that differs within a group. */
  overGroups(expr: Expr): Expr {
    if (this.#kinds.has(expr.kind)) {
      const index = this.#byText.get(fingerprint(expr))
      if (index !== undefined) return this.#column(index)
    }
    if (expr.kind !== 'column') return mapChildren(expr, child => this.overGroups(child))
    if (isOuter(expr) || isSubquery(expr) || isRank(expr)) return expr
    if (expr.index >= this.#inputWidth) return this.#column(this.plan.keys.length + expr.index - this.#inputWidth)
    throw new EngineError(
      '42803',
      `column "${expr.name}" must appear in the GROUP BY clause or be used in an aggregate function`,
      {
        position: this.#context.positions.get(expr),
        hint: `Add it to GROUP BY, or take one of its values, as in max(${expr.name}).`,
      },
    )
  }

  #column(index: number): Expr {
    return { kind: 'column', index, ...this.plan.schema.fields[index] }
  }
}

/** Groups by a window's start are those by its end too; the end says when they are complete. */
function withWindowEnd(input: LogicalPlan, keys: readonly Expr[]): readonly Expr[] {
  if (windowEndKey(input, keys) !== undefined) return keys
  const end = windowEndColumn(input, keys)
  if (end === undefined || !keys.some(key => key.kind === 'column' && key.index === end - 1)) return keys
  return [...keys, { kind: 'column', index: end, ...input.schema.fields[end] }]
}

/** DISTINCT: a group a row. */
export function distinctRows(input: LogicalPlan, context: BindContext, position: number): LogicalPlan {
  const keys = input.schema.fields.map((field, index): Expr => ({ kind: 'column', index, ...field }))
  const windowEnd = windowEndKey(input, keys)
  const plan: LogicalPlan = {
    kind: 'aggregate',
    input,
    keys,
    aggregates: [],
    ...(windowEnd !== undefined && { windowEnd }),
    final: false,
    schema: input.schema,
  }
  context.positions.set(plan, position)
  return plan
}
