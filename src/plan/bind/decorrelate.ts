import { BOOLEAN } from '../../batch/types.ts'
import type { Expr } from '../../expr/expr.ts'
import { fingerprint, mapAggregate, replaceColumns, someExpr } from '../../expr/walk.ts'
import type { Aggregate, LogicalPlan } from '../logical.ts'
import { conjunction, conjuncts } from '../rules/push-predicates.ts'
import { exprsOf, inputsOf } from '../walk.ts'
import { isOuter } from './scope.ts'

/** A subquery without what it reads of the query around it: that stands in `outputs` and `terms` alone, which are over the plan's columns. */
export interface Pulled {
  readonly plan: LogicalPlan
  /** The subquery's columns. */
  readonly outputs: readonly Expr[]
  /** What must be TRUE for a row of the plan to be one of the subquery. */
  readonly terms: readonly Expr[]
  /** The subquery has one row whatever `terms` leave, and its outputs are right too where all columns of the plan are NULL. */
  readonly oneRow: boolean
  /** Of `oneRow`: the row is there only where this is TRUE. */
  readonly when?: Expr
}

/**
 * Takes the conditions on outer columns out of a subquery, so that a join can ask them: out of WHERE, through projections, inner joins
 * and GROUP BY (whose groups are then by the inner side of each equality too). What it finds no way for still reads outer columns
 * afterwards; see `outerColumnIn`.
 */
export function pullOuter(plan: LogicalPlan): Pulled {
  switch (plan.kind) {
    case 'project': {
      const input = pullOuter(plan.input)
      return { ...input, outputs: plan.exprs.map(over(input)) }
    }
    case 'filter': {
      const input = pullOuter(plan.input)
      const predicate = over(input)(plan.predicate)
      if (!input.oneRow) return filtered(input, conjuncts(predicate))
      return { ...input, when: conjunction([...(input.when ? [input.when] : []), predicate]) }
    }
    case 'sort':
      return plan.limit || plan.offset ? closed(plan) : pullOuter(plan.input)
    case 'join': {
      const left = pullOuter(plan.left)
      const inner = plan.type === 'inner'
      const right = inner ? pullOuter(plan.right) : closed(plan.right)
      if (left.oneRow || right.oneRow || plan.type === 'right' || plan.type === 'full') return closed(plan)
      const width = left.plan.schema.fields.length
      const shift = (expr: Expr): Expr => shifted(expr, width)
      const both = [...left.outputs, ...right.outputs.map(shift)]
      const on = conjuncts(replaceColumns(plan.on, c => (isOuter(c) ? c : both[c.index])))
      const [correlated, own] = split(on, term => inner && readsOuter(term))
      const one = plan.type === 'semi' || plan.type === 'anti'
      const fields = [...left.plan.schema.fields, ...(one ? [] : right.plan.schema.fields)]
      const joined: LogicalPlan = {
        ...plan,
        left: left.plan,
        right: right.plan,
        on: own.length > 0 ? conjunction(own) : TRUE,
        schema: { fields },
      }
      const terms = [...left.terms, ...right.terms.map(shift), ...correlated]
      return { plan: joined, outputs: one ? left.outputs : both, terms, oneRow: false }
    }
    case 'aggregate':
      return pullAggregate(plan)
    default:
      return closed(plan)
  }
}

/** An outer column that the plan itself still reads. */
export function outerColumnIn(plan: LogicalPlan): Expr | undefined {
  for (const expr of exprsOf(plan)) {
    let found: Expr | undefined
    someExpr(expr, part => {
      if (isOuter(part)) found = part
      return found !== undefined
    })
    if (found) return found
  }
  for (const input of inputsOf(plan)) {
    const found = outerColumnIn(input)
    if (found) return found
  }
  return undefined
}

/** A term `inner = outer`: one side over the plan's columns alone, the other over outer ones or none. */
export interface Equality {
  readonly inner: Expr
  /** The term with another expression for its inner side. */
  readonly withInner: (inner: Expr) => Expr
}

/** The terms as equalities; undefined when one of them is something else. */
export function equalities(terms: readonly Expr[]): readonly Equality[] | undefined {
  const found = terms.map(equality)
  return found.every(e => e !== undefined) ? found : undefined
}

function readsOuter(expr: Expr): boolean {
  return someExpr(expr, isOuter)
}

function equality(term: Expr): Equality | undefined {
  if (term.kind !== 'call' || term.name !== '=' || term.args.length !== 2) return undefined
  const [a, b] = term.args
  if (!readsOuter(a) && isFixed(b)) return { inner: a, withInner: inner => ({ ...term, args: [inner, b] }) }
  if (!readsOuter(b) && isFixed(a)) return { inner: b, withInner: inner => ({ ...term, args: [a, inner] }) }
  return undefined
}

/** Whether it reads no column of the subquery: one value for a row of the query around it. */
export function isFixed(expr: Expr): boolean {
  return !someExpr(expr, part => part.kind === 'column' && !isOuter(part))
}

function pullAggregate(plan: Aggregate): Pulled {
  const input = pullOuter(plan.input)
  const pairs = equalities(input.terms)
  if (!pairs || input.oneRow) return closed(plan)
  const place = over(input)
  const written = plan.keys.map(place)
  const keys = [...written]
  const places = pairs.map(({ inner }) => {
    const text = fingerprint(inner)
    const known = keys.findIndex(key => fingerprint(key) === text)
    return known >= 0 ? known : keys.push(inner) - 1
  })
  const added = keys.slice(written.length)
  const { fields } = plan.schema
  const keyFields = [...fields.slice(0, written.length), ...added.map(key => ({ name: nameOf(key), type: key.type }))]
  const schema = { fields: [...keyFields, ...fields.slice(written.length)] }
  const aggregates = plan.aggregates.map(call => mapAggregate(call, place))
  const grouped: LogicalPlan = { ...plan, input: input.plan, keys, aggregates, schema }
  const column = (index: number): Expr => ({ kind: 'column', index, ...schema.fields[index] })
  const oneRow = written.length === 0 && pairs.length > 0
  const outputs = fields.map((_, i) => {
    if (i < written.length) return column(i)
    const value = column(i + added.length)
    const counts = oneRow && aggregates[i - written.length].id === 'count'
    if (!counts) return value
    // Where no group is found there is nothing to count; every other aggregate of nothing is NULL.
    const zero: Expr = { kind: 'literal', value: 0, type: value.type }
    return { kind: 'coalesce', args: [value, zero], type: value.type } satisfies Expr
  })
  return { plan: grouped, outputs, terms: pairs.map((pair, i) => pair.withInner(column(places[i]))), oneRow }
}

function filtered(input: Pulled, terms: readonly Expr[]): Pulled {
  const [correlated, own] = split(terms, readsOuter)
  const { plan } = input
  const kept: LogicalPlan =
    own.length > 0 ? { kind: 'filter', input: plan, predicate: conjunction(own), schema: plan.schema } : plan
  return { ...input, plan: kept, terms: [...input.terms, ...correlated] }
}

function closed(plan: LogicalPlan): Pulled {
  const outputs = plan.schema.fields.map((field, index): Expr => ({ kind: 'column', index, ...field }))
  return { plan, outputs, terms: [], oneRow: false }
}

/** An expression over the subquery's columns as one over the plan's. */
function over(input: Pulled): (expr: Expr) => Expr {
  return expr => replaceColumns(expr, c => (isOuter(c) ? c : input.outputs[c.index]))
}

function shifted(expr: Expr, by: number): Expr {
  return replaceColumns(expr, c => (isOuter(c) ? c : { ...c, index: c.index + by }))
}

function split(terms: readonly Expr[], test: (term: Expr) => boolean): [Expr[], Expr[]] {
  return [terms.filter(test), terms.filter(term => !test(term))]
}

function nameOf(expr: Expr): string {
  return expr.kind === 'column' || expr.kind === 'call' ? expr.name : '?column?'
}

const TRUE: Expr = { kind: 'literal', value: true, type: BOOLEAN }
