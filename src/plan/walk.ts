import { assert, unreachable } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import type { Expr } from '../expr/expr.ts'
import { aggregateExprs, mapAggregate, mapSortKeys } from '../expr/walk.ts'
import type { LogicalPlan } from './logical.ts'

/** What a node reads. */
export function inputsOf(plan: LogicalPlan): readonly LogicalPlan[] {
  switch (plan.kind) {
    case 'scan':
    case 'values':
      return []
    case 'filter':
    case 'project':
    case 'window':
    case 'session':
    case 'rank':
    case 'aggregate':
    case 'sort':
    case 'repeat':
      return [plan.input]
    case 'union':
      return plan.inputs
    case 'join':
      return [plan.left, plan.right]
    default:
      return unreachable(plan)
  }
}

/** The same node over other inputs of the same columns; itself when `map` changes none. */
export function mapInputs(plan: LogicalPlan, map: (input: LogicalPlan) => LogicalPlan): LogicalPlan {
  switch (plan.kind) {
    case 'scan':
    case 'values':
      return plan
    case 'filter':
    case 'project':
    case 'window':
    case 'session':
    case 'rank':
    case 'aggregate':
    case 'sort':
    case 'repeat': {
      const input = map(plan.input)
      return input === plan.input ? plan : { ...plan, input }
    }
    case 'union': {
      const inputs = plan.inputs.map(map)
      return inputs.every((input, i) => input === plan.inputs[i]) ? plan : { ...plan, inputs }
    }
    case 'join': {
      const left = map(plan.left)
      const right = map(plan.right)
      return left === plan.left && right === plan.right ? plan : { ...plan, left, right }
    }
    default:
      return unreachable(plan)
  }
}

/** The expressions a node evaluates itself, over its input (a scan: over its output; a join: over the left's columns and the right's behind them). */
export function exprsOf(plan: LogicalPlan): readonly Expr[] {
  switch (plan.kind) {
    case 'scan':
      return plan.predicate ? [plan.predicate] : []
    case 'values':
      return plan.rows.flat()
    case 'filter':
      return [plan.predicate]
    case 'project':
      return plan.exprs
    case 'aggregate':
      return [...plan.keys, ...plan.aggregates.flatMap(aggregateExprs)]
    case 'sort':
      return [...plan.keys.map(key => key.expr), ...[plan.limit, plan.offset].filter(e => e !== undefined)]
    case 'join':
      return [plan.on]
    case 'session':
      return plan.keys
    case 'rank':
      return [...plan.keys, ...plan.order.map(key => key.expr)]
    case 'window':
    case 'union':
    case 'repeat':
      return []
    default:
      return unreachable(plan)
  }
}

/** The same node with each of its own expressions replaced. Types must stay. */
export function mapExprs(plan: LogicalPlan, map: (expr: Expr) => Expr): LogicalPlan {
  switch (plan.kind) {
    case 'scan':
      return plan.predicate ? { ...plan, predicate: map(plan.predicate) } : plan
    case 'values':
      return { ...plan, rows: plan.rows.map(row => row.map(map)) }
    case 'filter':
      return { ...plan, predicate: map(plan.predicate) }
    case 'project':
      return { ...plan, exprs: plan.exprs.map(map) }
    case 'aggregate':
      return { ...plan, keys: plan.keys.map(map), aggregates: plan.aggregates.map(call => mapAggregate(call, map)) }
    case 'sort': {
      const limit = plan.limit && map(plan.limit)
      const offset = plan.offset && map(plan.offset)
      return { ...plan, keys: mapSortKeys(plan.keys, map), limit, offset }
    }
    case 'join':
      return { ...plan, on: map(plan.on) }
    case 'session':
      return { ...plan, keys: plan.keys.map(map) }
    case 'rank':
      return { ...plan, keys: plan.keys.map(map), order: mapSortKeys(plan.order, map) }
    case 'window':
    case 'union':
    case 'repeat':
      return plan
    default:
      return unreachable(plan)
  }
}

/** A LIMIT or OFFSET as a number, once parameters are bound. NULL: undefined, as if it were not there. Throws 2201W below zero. */
export function countOf(expr: Expr | undefined): number | undefined {
  if (expr === undefined) return undefined
  assert(expr.kind === 'literal', 'LIMIT and OFFSET are constants when they run')
  if (expr.value === null) return undefined
  const count = Number(expr.value)
  if (count < 0) throw new EngineError('2201W', 'LIMIT and OFFSET must not be negative')
  return count
}
