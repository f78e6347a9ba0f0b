import type * as ast from '../../../grammar/ast.ts'
import type { Query } from '../../../grammar/query.ts'
import { EngineError, notSupported } from '../../base/errors.ts'
import { BOOLEAN, type DataType } from '../../batch/types.ts'
import type { Expr } from '../../expr/expr.ts'
import { replaceColumns, someExpr } from '../../expr/walk.ts'
import type { Join, LogicalPlan } from '../logical.ts'
import { uniqueKeyOf } from '../properties.ts'
import { conjunction, conjuncts } from '../rules/push-predicates.ts'
import { type Equality, equalities, isFixed, outerColumnIn, type Pulled, pullOuter } from './decorrelate.ts'
import { bindExpr, type Env } from './expression.ts'
import type { QueryEnv } from './from.ts'
import { distinctRows } from './grouping.ts'
import { compare } from './operators.ts'
import { bindNestedQuery } from './query.ts'
import { isOuter, isRank, isSubquery, numberOf, outerColumn, type Scope, subqueryColumn, tryResolve } from './scope.ts'
import { filter, project } from './select.ts'

/** EXISTS (query). Its columns do not matter, nor does the order of its rows, or how many there are. */
export function bindExists(query: Query, env: Env, at: number): Expr {
  const { limit, offset } = query
  const some = limit?.kind === 'number' && Number(limit.text) >= 1 && offset === undefined
  const plain: Query = { ...query, orderBy: [], ...(some && { limit: undefined }) }
  const subqueries = collectorOf(env, at)
  const { pulled, outer } = subqueries.bind(plain, at, rowsOf)
  return subqueries.add({ kind: 'exists', pulled, outer, at }, BOOLEAN)
}

/** `x IN (query)`, `x op ANY (query)` and `x op ALL (query)`, which is no row of which it is not TRUE. */
export function bindAny(node: Extract<ast.Expr, { kind: 'in-query' }> | ast.Quantified, query: Query, env: Env): Expr {
  const { at } = node
  const subqueries = collectorOf(env, at)
  const [written, op, all] =
    node.kind === 'in-query'
      ? [node.arg, node.negated ? '<>' : '=', node.negated]
      : [node.left, node.op, node.quantifier === 'all']
  const arg = bindExpr(written, env)
  if (someExpr(arg, part => isSubquery(part) || isRank(part))) {
    throw notSupported(
      'a subquery or window function compared with a subquery',
      written.at + 1,
      'Name it in a query in FROM.',
    )
  }
  const { pulled, outer } = subqueries.bind(query, at)
  const { outputs } = pulled
  const lefts = arg.kind === 'row' ? arg.fields : [arg]
  if (outputs.length !== lefts.length) {
    const message = `subquery has too ${outputs.length > lefts.length ? 'many' : 'few'} columns`
    throw new EngineError('42601', message, { position: query.at + 1 })
  }
  // Constants stay what they are, for an untyped one takes the other side's type.
  const asOuter = (expr: Expr): Expr =>
    expr.kind === 'literal' || expr.kind === 'parameter'
      ? expr
      : outerColumn(outer.push(expr) - 1, expr.kind === 'column' ? expr.name : '?column?', expr.type)
  const row = (fields: readonly Expr[]): Expr => {
    if (fields.length === 1) return fields[0]
    return {
      kind: 'row',
      fields,
      type: { kind: 'row', fields: fields.map((f, i) => ({ name: `f${i + 1}`, type: f.type })) },
    }
  }
  const test = (by: string): Expr => compare(by, row(lefts.map(asOuter)), row(outputs), env, at)
  if (!all) return subqueries.add({ kind: 'any', pulled, outer, at, test: test(op) }, BOOLEAN)
  const opposite = op === '<>' ? test('=') : negation(test(op))
  return negation(subqueries.add({ kind: 'any', pulled, outer, at, test: opposite }, BOOLEAN))
}

/** `(query)` as a value: that of its one row, NULL when there is none. Refused where there may be more rows. */
export function bindScalar(query: Query, env: Env, at: number): Expr {
  const subqueries = collectorOf(env, at)
  const { pulled, outer } = subqueries.bind(query, at)
  if (pulled.outputs.length !== 1) {
    throw new EngineError('42601', 'subquery must return only one column', { position: at + 1 })
  }
  if (!atMostOneRow(pulled)) {
    throw notSupported(
      'a subquery as a value that may have more than one row',
      at + 1,
      'Take one of them, as in (SELECT max(x) …), or compare all columns of a key with =.',
    )
  }
  return subqueries.add({ kind: 'scalar', pulled, outer, at }, pulled.outputs[0].type)
}

interface Subquery {
  readonly pulled: Pulled
  /** What its outer columns are, over the query around it. */
  readonly outer: readonly Expr[]
  readonly at: number
}

/** `any`: whether `test`, over the subquery's plan and outer columns, is TRUE for a row. */
type Found =
  | (Subquery & { readonly kind: 'exists' | 'scalar' })
  | (Subquery & { readonly kind: 'any'; readonly test: Expr })

/**
 * The subqueries in the expressions of one SELECT. While these are bound, each stands as a column behind all others; then `filter` and
 * `joined` make joins of them. EXISTS, IN, ANY and ALL that WHERE or HAVING ask for as a whole become semi and anti joins; elsewhere they
 * are left joins with the distinct keys, and so are values with the one row that there is for each key.
 */
export class Subqueries {
  readonly #env: QueryEnv
  readonly #scope: Scope
  readonly #found: Found[] = []

  constructor(env: QueryEnv, scope: Scope) {
    this.#env = env
    this.#scope = scope
  }

  /** Binds a subquery and takes its conditions on outer columns out. `part`: which part of its plan matters. */
  bind(
    query: Query,
    at: number,
    part: (plan: LogicalPlan) => LogicalPlan = plan => plan,
  ): { readonly pulled: Pulled; readonly outer: Expr[] } {
    const { context } = this.#env
    const outer: Expr[] = []
    const scope = this.#scope
    const names: Scope['outer'] = (name, place) => {
      const found = tryResolve(scope, name, place) ?? scope.outer?.(name, place)
      return found && outerColumn(outer.push(found) - 1, name[name.length - 1], found.type)
    }
    const pulled = pullOuter(part(bindNestedQuery(query, { ...this.#env, outer: names })))
    const left = outerColumnIn(pulled.plan)
    if (left) {
      throw notSupported(
        'a subquery that reads outer columns elsewhere than in its WHERE',
        context.positions.get(left) ?? at + 1,
        'Below GROUP BY they may be compared by = only. Or write it as a join.',
      )
    }
    return { pulled, outer }
  }

  /** What stands for the subquery in expressions. */
  add(found: Found, type: DataType): Expr {
    if (found.pulled.oneRow && found.kind !== 'scalar') {
      throw notSupported(
        'EXISTS, IN, ANY and ALL of an aggregate without GROUP BY that reads outer columns',
        found.at + 1,
      )
    }
    return subqueryColumn(this.#found.push(found) - 1, '?column?', type)
  }

  /** The rows of the plan for which the condition is TRUE. `over` brings outer columns over the plan's output. */
  filter(plan: LogicalPlan, predicate: Expr, over: (outer: Expr) => Expr = outer => outer): LogicalPlan {
    const terms = conjuncts(predicate)
    const plain = terms.filter(term => !someExpr(term, isSubquery))
    let rows = plain.length > 0 ? filter(plan, conjunction(plain)) : plan
    const values: Expr[] = []
    for (const term of terms) {
      if (plain.includes(term)) continue
      const negated = term.kind === 'not'
      const column = negated ? term.arg : term
      const found = isSubquery(column) ? this.#found[numberOf(column)] : undefined
      if (!found || found.kind === 'scalar') values.push(term)
      else rows = negated ? this.#without(rows, found, over) : this.#having(rows, found, over)
    }
    if (values.length === 0) return rows
    const joined = this.joined(rows, values, over)
    return filter(joined.plan, conjunction(joined.exprs))
  }

  /** The plan with a column more for each subquery that the expressions read, and these over it. */
  joined(
    plan: LogicalPlan,
    exprs: readonly Expr[],
    over: (outer: Expr) => Expr = outer => outer,
  ): { readonly plan: LogicalPlan; readonly exprs: readonly Expr[] } {
    let wider = plan
    const values = new Map<number, Expr>()
    const replaced = exprs.map(expr =>
      replaceColumns(expr, column => {
        if (!isSubquery(column)) return column
        const number = numberOf(column)
        const known = values.get(number)
        if (known) return known
        const attached = this.#attached(wider, this.#found[number], over)
        wider = attached.plan
        values.set(number, attached.value)
        return attached.value
      }),
    )
    return { plan: wider, exprs: replaced }
  }

  /** Rows for which the subquery has a row. */
  #having(plan: LogicalPlan, found: Found, over: (outer: Expr) => Expr): LogicalPlan {
    const { pulled } = found
    const on = found.kind === 'any' ? [...pulled.terms, found.test] : pulled.terms
    return this.#join('semi', plan, pulled.plan, on, found, over).plan
  }

  /** Rows for which it has none, and none of which that is unknown. */
  #without(plan: LogicalPlan, found: Found, over: (outer: Expr) => Expr): LogicalPlan {
    const { pulled, at } = found
    const anti = (from: LogicalPlan, right: LogicalPlan, on: readonly Expr[]): LogicalPlan =>
      this.#join('anti', from, right, on, found, over).plan
    if (found.kind !== 'any') return anti(plan, pulled.plan, pulled.terms)
    const { test } = found
    const [pair] = equalities([test]) ?? []
    const keys = equalities(pulled.terms)
    const notFalse: Expr = { kind: 'is', test: 'false', negated: true, arg: test, type: BOOLEAN }
    if (!pair || !keys) return anti(plan, pulled.plan, [...pulled.terms, notFalse])
    // x = y is unknown where x or y is NULL. Two joins that find their rows by key, for one that would look at every pair.
    const known = anti(plan, pulled.plan, [...pulled.terms, test])
    const isUnknown = this.#distinct(pulled.plan, keys, { name: 'has_null', expr: isNull(pair.inner) }, at)
    const arg = test.kind === 'call' ? test.args.find(a => a !== pair.inner) : undefined
    const either: Expr = { kind: 'or', args: [isUnknown.column, ...(arg ? [isNull(arg)] : [])], type: BOOLEAN }
    return anti(known, isUnknown.plan, [...isUnknown.terms, either])
  }

  #attached(plan: LogicalPlan, found: Found, over: (outer: Expr) => Expr): { plan: LogicalPlan; value: Expr } {
    const { pulled, at } = found
    if (found.kind === 'scalar') return this.#value(plan, found, over)
    const keys = equalities(pulled.terms)
    const pair = found.kind === 'any' ? equalities([found.test])?.at(0) : undefined
    if (!keys || (found.kind === 'any' && !pair)) {
      throw notSupported(
        'EXISTS, IN, ANY or ALL with other conditions than = as a value',
        at + 1,
        'As a condition of its own, joined to others by AND, it may have any.',
      )
    }
    let rows = plan
    /** Whether there is a row of `of` for the keys. */
    const met = (of: LogicalPlan, by: readonly Equality[]): Expr => {
      const { plan: right, terms, column } = this.#distinct(of, by, { name: 'found', expr: TRUE }, at)
      const { plan: next, placed } = this.#join('left', rows, right, terms, found, over)
      rows = next
      return { kind: 'is', test: 'null', negated: true, arg: placed(column), type: BOOLEAN }
    }
    if (!pair || found.kind !== 'any') {
      const value = met(pulled.plan, keys)
      return { plan: rows, value }
    }
    const outerArg = found.test.kind === 'call' ? found.test.args.find(a => a !== pair.inner) : undefined
    const outerIsNull = isNull(replaceColumns(outerArg ?? TRUE, c => over(found.outer[numberOf(c)])))
    const branches = [
      { when: met(pulled.plan, [...keys, pair]), then: TRUE },
      { when: negation(met(pulled.plan, keys)), then: FALSE },
      { when: outerIsNull, then: UNSURE },
      { when: met(filter(pulled.plan, isNull(pair.inner)), keys), then: UNSURE },
    ]
    return { plan: rows, value: { kind: 'case', branches, otherwise: FALSE, type: BOOLEAN } }
  }

  /** The one row of a subquery for each row of the plan, or NULL. */
  #value(plan: LogicalPlan, found: Subquery, over: (outer: Expr) => Expr): { plan: LogicalPlan; value: Expr } {
    const { pulled } = found
    const [output] = pulled.outputs
    if (pulled.oneRow || output.kind === 'column') {
      const { plan: rows, placed } = this.#join('left', plan, pulled.plan, pulled.terms, found, over)
      const value = placed(output)
      return { plan: rows, value: pulled.when ? valueWhen(placed(pulled.when), value) : value }
    }
    // NULL where no row is found, whatever the expression makes of NULLs: so it must be known whether one was.
    const columns = pulled.plan.schema.fields.map(({ name }, i) => ({ name, expr: columnOf(pulled.plan, i) }))
    const marked = project(pulled.plan, [...columns, { name: 'found', expr: TRUE }])
    const { plan: rows, placed } = this.#join('left', plan, marked, pulled.terms, found, over)
    const when: Expr = { ...isNull(placed(columnOf(marked, columns.length))), negated: true }
    return { plan: rows, value: valueWhen(when, placed(output)) }
  }

  /** Each combination of the keys' inner sides and `more` once; the terms that find it, and the column of `more`. */
  #distinct(
    plan: LogicalPlan,
    keys: readonly Equality[],
    more: { readonly name: string; readonly expr: Expr },
    at: number,
  ): { plan: LogicalPlan; terms: readonly Expr[]; column: Expr } {
    const items = keys.map(({ inner }) => ({ expr: inner, name: inner.kind === 'column' ? inner.name : '?column?' }))
    items.push(more)
    const right = distinctRows(project(plan, items), this.#env.context, at + 1)
    const terms = keys.map((key, i) => key.withInner(columnOf(right, i)))
    return { plan: right, terms, column: columnOf(right, keys.length) }
  }

  /** Joins the subquery's rows; `placed` brings expressions over its plan and outer columns over the join's. */
  #join(
    type: Join['type'],
    left: LogicalPlan,
    right: LogicalPlan,
    terms: readonly Expr[],
    { outer, at }: Subquery,
    over: (outer: Expr) => Expr,
  ): { plan: LogicalPlan; placed: (expr: Expr) => Expr } {
    const width = left.schema.fields.length
    const placed = (expr: Expr): Expr =>
      replaceColumns(expr, c => (isOuter(c) ? over(outer[numberOf(c)]) : { ...c, index: c.index + width }))
    const schema = type === 'left' ? { fields: [...left.schema.fields, ...right.schema.fields] } : left.schema
    const on = terms.length > 0 ? conjunction(terms.map(placed)) : TRUE
    const plan: Join = { kind: 'join', type, left, right, on, final: false, schema }
    this.#env.context.positions.set(plan, at + 1)
    return { plan, placed }
  }
}

function collectorOf({ subqueries, insideAggregate, clause }: Env, at: number): Subqueries {
  if (subqueries && !insideAggregate) return subqueries
  throw notSupported(`a subquery in ${clause}`, at + 1, 'Name its value in a query in FROM.')
}

/** Whether a subquery has rows is known before they are computed, grouped or put in order. */
function rowsOf(plan: LogicalPlan): LogicalPlan {
  const isPlain =
    plan.kind === 'project' ||
    (plan.kind === 'aggregate' && plan.keys.length > 0) ||
    (plan.kind === 'sort' && !plan.limit && !plan.offset)
  return isPlain ? rowsOf(plan.input) : plan
}

function atMostOneRow({ plan, terms, oneRow }: Pulled): boolean {
  if (oneRow) return true
  const key = uniqueKeyOf(plan)
  const fixed = [...terms, ...(plan.kind === 'filter' ? conjuncts(plan.predicate) : [])].flatMap(fixedColumns)
  return key?.every(column => fixed.includes(column)) === true
}

/** The column that a term fixes for one row around: to a constant or to something of that row. */
function fixedColumns(term: Expr): number[] {
  if (term.kind !== 'call' || term.name !== '=' || term.args.length !== 2) return []
  const [a, b] = term.args
  if (a.kind === 'column' && !isOuter(a) && isFixed(b)) return [a.index]
  return b.kind === 'column' && !isOuter(b) && isFixed(a) ? [b.index] : []
}

function columnOf(plan: LogicalPlan, index: number): Expr {
  return { kind: 'column', index, ...plan.schema.fields[index] }
}

/** NULL where the condition is not TRUE. */
function valueWhen(when: Expr, then: Expr): Expr {
  const otherwise: Expr = { kind: 'literal', value: null, type: then.type }
  return { kind: 'case', branches: [{ when, then }], otherwise, type: then.type }
}

function isNull(arg: Expr): Extract<Expr, { kind: 'is' }> {
  return { kind: 'is', test: 'null', negated: false, arg, type: BOOLEAN }
}

function negation(arg: Expr): Expr {
  return { kind: 'not', arg, type: BOOLEAN }
}

const TRUE: Expr = { kind: 'literal', value: true, type: BOOLEAN }
const FALSE: Expr = { kind: 'literal', value: false, type: BOOLEAN }
const UNSURE: Expr = { kind: 'literal', value: null, type: BOOLEAN }
