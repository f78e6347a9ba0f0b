import type { Alias, Join as JoinNode, TableRef } from '../../../grammar/query.ts'
import { EngineError, notSupported } from '../../base/errors.ts'
import { BOOLEAN } from '../../batch/types.ts'
import type { Expr } from '../../expr/expr.ts'
import type { Join, LogicalPlan } from '../logical.ts'
import { unify } from './coerce.ts'
import { bindBoolean, type Env } from './expression.ts'
import { bindTable, named, type QueryEnv, type Relational } from './from.ts'
import { compare } from './operators.ts'
import { columnExpr, type Scope, type ScopeColumn } from './scope.ts'

const TRUE: Expr = { kind: 'literal', value: true, type: BOOLEAN }

/** Two items of FROM with a comma between them: every pair, until WHERE says which. */
export function crossJoin(left: Relational, ref: TableRef, env: QueryEnv): Relational {
  return joined('inner', left, bindTable(ref, env), () => TRUE, env, ref.at)
}

/** JOIN in all its spellings. */
export function bindJoin(node: JoinNode, env: QueryEnv): Relational {
  if (node.asof) throw notSupported('ASOF JOIN', node.at + 1)
  if (node.within) {
    throw notSupported(
      'WITHIN',
      node.within.at + 1,
      "Write ON … AND a.ts BETWEEN b.ts - INTERVAL '…' AND b.ts + INTERVAL '…'.",
    )
  }
  const left = bindTable(node.left, env)
  const right = bindTable(node.right, env)
  const type = node.type === 'cross' ? 'inner' : node.type
  const shared = sharedColumns(node, left.scope, right.scope)
  const on = (scope: Scope, width: number): Expr => {
    const inner: Env = { context: env.context, scope, clause: 'JOIN/ON' }
    if (node.on) return bindBoolean(node.on, inner, 'JOIN/ON')
    const terms = shared.map(({ name, left: l, right: r }) => {
      const other = columnExpr({ ...r, index: r.index + width })
      return comparable(name, () => compare('=', columnExpr(l), other, inner, node.at))
    })
    return terms.length === 0 ? TRUE : terms.length === 1 ? terms[0] : { kind: 'and', args: terms, type: BOOLEAN }
  }
  const result = merged(joined(type, left, right, on, env, node.at), shared, type, left, env, node.at)
  return node.alias ? renamed(result, node.alias, node.at) : result
}

/** A column that USING or NATURAL takes from both sides. */
interface Shared {
  readonly name: string
  readonly left: ScopeColumn
  readonly right: ScopeColumn
}

function joined(
  type: Join['type'],
  left: Relational,
  right: Relational,
  on: (scope: Scope, width: number) => Expr,
  env: QueryEnv,
  at: number,
): Relational {
  const width = left.plan.schema.fields.length
  for (const { table } of right.scope.columns) {
    const name = table.at(-1)
    if (name === undefined || !left.scope.columns.some(c => c.table.join('.') === table.join('.'))) continue
    throw new EngineError('42712', `table name "${name}" specified more than once`, {
      position: at + 1,
      hint: `Give one of them an alias: ${name} AS other.`,
    })
  }
  const columns = [...left.scope.columns, ...right.scope.columns.map(c => ({ ...c, index: c.index + width }))]
  const scope: Scope = { columns, outer: env.outer }
  const schema = { fields: [...left.plan.schema.fields, ...right.plan.schema.fields] }
  const condition = on(scope, width)
  const plan: LogicalPlan = {
    kind: 'join',
    type,
    left: left.plan,
    right: right.plan,
    on: condition,
    final: false,
    schema,
  }
  env.context.positions.set(plan, at + 1)
  return { plan, scope }
}

function sharedColumns(node: JoinNode, left: Scope, right: Scope): Shared[] {
  const one = (scope: Scope, name: string, side: string): ScopeColumn => {
    const found = scope.columns.filter(c => c.name === name && !c.hidden)
    if (found.length === 1) return found[0]
    const [state, what] = found.length === 0 ? ['42703', 'does not exist in'] : ['42702', 'appears more than once in']
    throw new EngineError(state, `column "${name}" specified in USING clause ${what} ${side} table`, {
      position: node.at + 1,
    })
  }
  const visible = (scope: Scope): string[] => scope.columns.filter(c => !c.hidden).map(c => c.name)
  const names = node.using?.columns ?? (node.natural ? visible(left).filter(n => visible(right).includes(n)) : [])
  return names.map(name => ({ name, left: one(left, name, 'left'), right: one(right, name, 'right') }))
}

/** Shared columns come first, once each; those they are made of are found by their table's name only. */
function merged(
  { plan, scope }: Relational,
  shared: readonly Shared[],
  type: Join['type'],
  left: Relational,
  env: QueryEnv,
  at: number,
): Relational {
  if (shared.length === 0) return { plan, scope }
  const width = left.plan.schema.fields.length
  const isPart = (c: ScopeColumn): boolean =>
    shared.some(s => c.index === s.left.index || c.index === s.right.index + width)
  const rest = scope.columns.map(c => (isPart(c) ? { ...c, hidden: true } : c))
  const fields = [...plan.schema.fields]
  const exprs = fields.map((field, index): Expr => ({ kind: 'column', index, ...field }))
  const firsts = shared.map((s): ScopeColumn => {
    const [l, r] = [columnExpr(s.left), columnExpr({ ...s.right, index: s.right.index + width })]
    if (type !== 'full') {
      const { index } = type === 'right' ? { index: s.right.index + width } : s.left
      return { table: [], name: s.name, type: plan.schema.fields[index].type, index, hidden: false }
    }
    const args = unify([l, r], 'COALESCE', env.context, [at, at])
    const index = exprs.push({ kind: 'coalesce', args, type: args[0].type }) - 1
    fields.push({ name: s.name, type: args[0].type })
    return { table: [], name: s.name, type: args[0].type, index, hidden: false }
  })
  const whole: LogicalPlan = type === 'full' ? { kind: 'project', input: plan, exprs, schema: { fields } } : plan
  return { plan: whole, scope: { columns: [...firsts, ...rest] } }
}

/** `(a JOIN b) AS x`: one table with all visible columns. */
function renamed({ plan, scope }: Relational, alias: Alias, at: number): Relational {
  const visible = scope.columns.filter(c => !c.hidden)
  const exprs = visible.map(columnExpr)
  const fields = visible.map(({ name, type }) => ({ name, type }))
  const picked: LogicalPlan = { kind: 'project', input: plan, exprs, schema: { fields } }
  return named(picked, alias.name === undefined ? [] : [alias.name], alias, at)
}

function comparable(column: string, work: () => Expr): Expr {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    throw new EngineError('42804', `the two columns "${column}" cannot be compared: ${error.message}`, {
      position: error.position,
    })
  }
}
