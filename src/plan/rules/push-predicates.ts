import { assert, unreachable } from '../../base/assert.ts'
import { BOOLEAN, type Schema } from '../../batch/types.ts'
import type { Expr } from '../../expr/expr.ts'
import { collectColumns, replaceColumns } from '../../expr/walk.ts'
import type { Join, LogicalPlan, Rank } from '../logical.ts'
import { mapInputs } from '../walk.ts'
import { isVolatile } from './volatile.ts'

/**
 * Moves each term of a WHERE or HAVING as near to the scan as it may go, and into it: rows that fall early cost nothing later.
 * Neighbouring filters become one.
 * Terms that end up in one place keep their order there, so that a guard written first against an error still is first.
 */
export function pushPredicates(plan: LogicalPlan): LogicalPlan {
  if (plan.kind === 'filter') return push(plan.input, conjuncts(plan.predicate))
  return plan.kind === 'join' ? pushJoin(plan, []) : mapInputs(plan, pushPredicates)
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
    case 'rank':
      return pushRank(plan, terms)
    case 'session': {
      // A row less would part its session: only whole partitions may go.
      const keys = new Set(plan.keys.flatMap(key => (key.kind === 'column' ? [key.index] : [])))
      const [inner, outer] = split(terms, term => !isVolatile(term) && reads(term, column => keys.has(column)))
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
    case 'repeat': {
      const [pure, volatile] = split(terms, term => !isVolatile(term))
      return filter({ ...plan, input: push(plan.input, pure) }, volatile)
    }
    case 'values':
      return filter(plan, terms)
    case 'join':
      return pushJoin(plan, terms)
    default:
      return unreachable(plan)
  }
}

/** Whole partitions may go early; a term that bounds the rank says how many rows of each matter. */
function pushRank(plan: Rank, terms: readonly Expr[]): LogicalPlan {
  const keys = new Set(plan.keys.flatMap(key => (key.kind === 'column' ? [key.index] : [])))
  const [inner, above] = split(terms, term => !isVolatile(term) && reads(term, column => keys.has(column)))
  const [bounds, outer] = split(above, term => rankBound(term, plan) !== undefined)
  const rankMax = Math.min(plan.rankMax ?? RANK_MAX, ...bounds.flatMap(term => rankBound(term, plan) ?? []))
  const bounded = bounds.length === 0 ? plan : { ...plan, rankMax }
  return filter({ ...bounded, input: push(plan.input, inner) }, outer)
}

const RANK_MAX = 2 ** 31 - 1

/** N where the term says that the rank is at most N, which is at least 1. */
function rankBound(term: Expr, plan: Rank): number | undefined {
  if (term.kind !== 'call' || term.args.length !== 2) return undefined
  const [left, right] = term.args
  const flipped = right.kind === 'column'
  const [column, bound] = flipped ? [right, left] : [left, right]
  if (column.kind !== 'column' || column.index !== plan.input.schema.fields.length) return undefined
  if (bound.kind !== 'literal' || typeof bound.value !== 'number' || bound.value > RANK_MAX) return undefined
  if (term.name === '=') return bound.value === 1 ? 1 : undefined
  const most = { [flipped ? '>=' : '<=']: bound.value, [flipped ? '>' : '<']: bound.value - 1 }[term.name]
  return most !== undefined && Number.isInteger(most) && most >= 1 ? most : undefined
}

/**
 * What a row without a partner would not pass either may fall before the join: terms above it that read a preserved side alone, terms
 * of ON that read the other side alone. Of an inner join every term is a term of ON.
 */
function pushJoin(plan: Join, terms: readonly Expr[]): LogicalPlan {
  const width = plan.left.schema.fields.length
  const [on, above] = plan.type === 'inner' ? [[...conjuncts(plan.on), ...terms], []] : [conjuncts(plan.on), terms]
  const onLeft = (term: Expr): boolean => !isVolatile(term) && reads(term, c => c < width)
  const onRight = (term: Expr): boolean => !isVolatile(term) && !onLeft(term) && reads(term, c => c >= width)
  const passes = (types: readonly Join['type'][]): boolean => types.includes(plan.type)
  const [leftOn, notLeft] = split(on, t => passes(['inner', 'right', 'semi']) && onLeft(t) && !isTrue(t))
  const [rightOn, both] = split(notLeft, t => passes(['inner', 'left', 'semi', 'anti']) && onRight(t))
  const [leftAbove, rest] = split(above, t => passes(['left', 'semi', 'anti']) && onLeft(t))
  const [rightAbove, outer] = split(rest, t => passes(['right']) && onRight(t))
  const overRight = [...rightOn, ...rightAbove].map(term =>
    replaceColumns(term, column => ({ ...column, index: column.index - width })),
  )
  const kept = both.filter(t => !isTrue(t))
  const joined: Join = {
    ...plan,
    left: push(plan.left, [...leftOn, ...leftAbove]),
    right: push(plan.right, overRight),
    on: kept.length > 0 ? conjunction(kept) : TRUE,
  }
  return filter(joined, outer)
}

const TRUE: Expr = { kind: 'literal', value: true, type: BOOLEAN }

function isTrue(term: Expr): boolean {
  return term.kind === 'literal' && term.value === true
}

/** Terms of an AND, flat. */
export function conjuncts(predicate: Expr): readonly Expr[] {
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
