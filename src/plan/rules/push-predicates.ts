import { assert, unreachable } from '../../base/assert.ts'
import { BOOLEAN, type Schema } from '../../batch/types.ts'
import type { Expr } from '../../expr/expr.ts'
import { collectColumns, replaceColumns } from '../../expr/walk.ts'
import type { LogicalPlan } from '../logical.ts'
import { mapInputs } from '../walk.ts'
import { isVolatile } from './volatile.ts'

/**
 * Moves each term of a WHERE or HAVING as near to the scan as it may go, and into it: rows that fall early cost nothing later.
 * Neighbouring filters become one.
 * Terms that end up in one place keep their order there, so that a guard written first against an error still is first.
 */
export function pushPredicates(plan: LogicalPlan): LogicalPlan {
  return plan.kind === 'filter' ? push(plan.input, conjuncts(plan.predicate)) : mapInputs(plan, pushPredicates)
}

/** The plan with `terms` applied to its output. */
function push(plan: LogicalPlan, terms: readonly Expr[]): LogicalPlan {
  if (terms.length === 0) return pushPredicates(plan)
  switch (plan.kind) {
    case 'filter':
      return push(plan.input, [...conjuncts(plan.predicate), ...terms])
    case 'scan': {
      const [pure, volatile] = split(terms, term => !isVolatile(term))
      if (pure.length === 0) return filter(plan, volatile)
      const predicate = conjunction(plan.predicate ? [...conjuncts(plan.predicate), ...pure] : pure)
      return filter({ ...plan, predicate }, volatile)
    }
    case 'project': {
      if (plan.exprs.some(isVolatile)) return filter(mapInputs(plan, pushPredicates), terms)
      const inner = terms.map(term => replaceColumns(term, column => plan.exprs[column.index]))
      return { ...plan, input: push(plan.input, inner) }
    }
    case 'window': {
      const width = plan.input.schema.fields.length
      const [inner, outer] = split(terms, term => !isVolatile(term) && reads(term, column => column < width))
      return filter({ ...plan, input: push(plan.input, inner) }, outer)
    }
    case 'aggregate': {
      // A global aggregate has its row whatever the input: nothing may pass it.
      if (plan.keys.length === 0) return filter(mapInputs(plan, pushPredicates), terms)
      const [inner, outer] = split(terms, term => !isVolatile(term) && reads(term, column => column < plan.keys.length))
      const overInput = inner.map(term => replaceColumns(term, column => plan.keys[column.index]))
      return filter({ ...plan, input: push(plan.input, overInput) }, outer)
    }
    case 'union':
      return {
        ...plan,
        inputs: plan.inputs.map(input =>
          push(
            input,
            terms.map(term => renamed(term, input.schema)),
          ),
        ),
      }
    case 'sort':
      if (plan.limit || plan.offset) return filter(mapInputs(plan, pushPredicates), terms)
      return { ...plan, input: push(plan.input, terms) }
    case 'values':
      return filter(plan, terms)
    default:
      return unreachable(plan)
  }
}

/** Terms of an AND, flat. */
function conjuncts(predicate: Expr): readonly Expr[] {
  return predicate.kind === 'and' ? predicate.args.flatMap(conjuncts) : [predicate]
}

/** The AND of one or more terms. */
export function conjunction(terms: readonly Expr[]): Expr {
  assert(terms.length > 0, 'a conjunction of nothing')
  return terms.length === 1 ? terms[0] : { kind: 'and', args: terms, type: BOOLEAN }
}

function filter(input: LogicalPlan, terms: readonly Expr[]): LogicalPlan {
  if (terms.length === 0) return input
  return { kind: 'filter', input, predicate: conjunction(terms), schema: input.schema }
}

function reads(term: Expr, may: (column: number) => boolean): boolean {
  const columns = new Set<number>()
  collectColumns(term, columns)
  return [...columns].every(may)
}

/** The terms that pass the test, and the others. */
function split(terms: readonly Expr[], test: (term: Expr) => boolean): [Expr[], Expr[]] {
  return [terms.filter(test), terms.filter(term => !test(term))]
}

/** The term with columns called as `schema` calls them: a union's inputs may have other names than it. */
function renamed(term: Expr, schema: Schema): Expr {
  return replaceColumns(term, column => ({ ...column, name: schema.fields[column.index].name }))
}
