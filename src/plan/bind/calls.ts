import type * as ast from '../../../grammar/ast.ts'
import { EngineError, nearest, notSupported } from '../../base/errors.ts'
import { INTEGER, TEXT, typeName } from '../../batch/types.ts'
import { aggregateNames, isAggregate } from '../../expr/aggregate/resolve.ts'
import type { Expr } from '../../expr/expr.ts'
import { functionNames, resolveFunction } from '../../expr/resolve.ts'
import { typeByName } from '../../expr/type-names.ts'
import { bindAggregate } from './aggregates.ts'
import { coerce, settle, unify } from './coerce.ts'
import { located } from './context.ts'
import { translated } from './dialects.ts'
import { bindExpr, type Env } from './expression.ts'
import { compare, NULL } from './operators.ts'
import { bindRank, isRanking } from './ranks.ts'

/** A function call of any kind: aggregate, special form, cast in a function's clothes, or a function of the library. */
export function bindCall(node: ast.Call, env: Env): Expr {
  const position = node.at + 1
  const name = node.name[node.name.length - 1]
  if (node.over !== undefined) return bindRank(node, name, env)
  const known = node.name.length === 1 || (node.name.length === 2 && node.name[0] === 'pg_catalog')
  if (!known) throw undefinedFunction(node.name.join('.'), position)
  const meant = translated(node, name)
  if (meant) return bindExpr(meant, env)
  if (isRanking(name) && node.args.length === 0) {
    throw new EngineError('42809', `window function ${name} requires an OVER clause`, { position })
  }
  if (isAggregate(name)) return bindAggregate(node, name, env)
  refuseAggregateSyntax(node, name)
  const special = bindSpecial(node, name, env)
  if (special) return special
  const args = node.args.map(arg => bindExpr(arg, env))
  const resolved = located(node.at, () =>
    resolveFunction(
      name,
      args.map(a => a.type),
    ),
  )
  if (!resolved) return castLikeCall(node, name, args, env)
  const cast = args.map((arg, i) => {
    const to = resolved.argTypes[i]
    const { at } = node.args[i]
    return to.kind === 'unknown' ? settle(arg, env.context, at) : coerce(arg, to, 'implicit', env.context, at)
  })
  const call: Expr = { kind: 'call', id: resolved.id, name, args: cast, type: resolved.type }
  env.context.positions.set(call, position)
  return call
}

function bindSpecial(node: ast.Call, name: string, env: Env): Expr | undefined {
  const { context } = env
  const places = node.args.map(arg => arg.at)
  switch (name) {
    case 'coalesce':
    case 'ifnull': {
      if (node.args.length === 0) throw undefinedFunction('coalesce()', node.at + 1)
      const args = unify(
        node.args.map(arg => bindExpr(arg, env)),
        'COALESCE',
        context,
        places,
      )
      return args.length === 1 ? args[0] : { kind: 'coalesce', args, type: args[0].type }
    }
    case 'nullif': {
      if (node.args.length !== 2) throw undefinedFunction('nullif with other than two arguments', node.at + 1)
      const [left, right] = node.args.map(arg => bindExpr(arg, env))
      const when = compare('=', left, right, env, node.at)
      // The result has the left side's type, before the comparison widened it.
      const value = left.type.kind === 'unknown' && when.kind === 'call' ? when.args[0] : left
      const then = coerce(NULL, value.type, 'implicit', context, node.at)
      return { kind: 'case', branches: [{ when, then }], otherwise: value, type: value.type }
    }
    case 'grouping':
      throw notSupported('GROUPING', node.at + 1)
    default:
      return bindSystem(node, name, env)
  }
}

/** What the session answers for a function without a dataflow: by function name, the setting it shows. */
const SYSTEM: Readonly<Record<string, { readonly setting: string; readonly otherwise?: string }>> = {
  current_user: { setting: 'user' },
  session_user: { setting: 'user' },
  user: { setting: 'user' },
  current_role: { setting: 'user' },
  current_database: { setting: 'database' },
  current_catalog: { setting: 'database' },
  version: { setting: 'version', otherwise: 'PostgreSQL 15.0 (Tidemark)' },
}

function bindSystem(node: ast.Call, name: string, env: Env): Expr | undefined {
  const { options } = env.context
  const text = (value: string | null): Expr => ({ kind: 'literal', value, type: TEXT })
  if (name === 'current_schema' && node.args.length === 0) return text(options.searchPath.at(0) ?? null)
  if (name === 'pg_backend_pid' && node.args.length === 0) {
    return { kind: 'literal', value: Number(options.settings?.get('backend_pid') ?? 0), type: INTEGER }
  }
  if (name === 'current_setting') {
    const [arg] = node.args
    if (arg?.kind !== 'string') throw notSupported('current_setting of an expression', node.at + 1)
    const value = options.settings?.get(arg.value.toLowerCase())
    if (value === undefined && node.args.length < 2) {
      throw new EngineError('42704', `unrecognized configuration parameter "${arg.value}"`, { position: arg.at + 1 })
    }
    return text(value ?? null)
  }
  if (!Object.hasOwn(SYSTEM, name) || node.args.length > 0) return undefined
  const { setting, otherwise } = SYSTEM[name]
  return text(options.settings?.get(setting) ?? otherwise ?? 'tidemark')
}

/** `float8(x)`, `date(ts)`: a type's name as a function is a cast. */
function castLikeCall(node: ast.Call, name: string, args: readonly Expr[], env: Env): Expr {
  const type = args.length === 1 ? typeByName(name) : undefined
  if (type) return coerce(args[0], type, 'explicit', env.context, node.at)
  throw undefinedFunction(`${name}(${args.map(a => typeName(a.type)).join(', ')})`, node.at + 1, name)
}

function refuseAggregateSyntax(node: ast.Call, name: string): void {
  const position = node.at + 1
  const used = node.star
    ? '*'
    : node.distinct
      ? 'DISTINCT'
      : node.filter
        ? 'FILTER'
        : node.withinGroup
          ? 'WITHIN GROUP'
          : undefined
  const syntax = used ?? (node.orderBy.length > 0 ? 'ORDER BY' : undefined)
  if (syntax) {
    const near = nearest(name, aggregateNames())
    throw new EngineError('42809', `${syntax} specified, but ${name} is not an aggregate function`, {
      position,
      hint: near.length > 0 ? `Perhaps you meant ${near.join(' or ')}.` : undefined,
    })
  }
  if (node.variadic) throw notSupported('VARIADIC', position)
  if (node.nulls) throw notSupported(`${node.nulls.toUpperCase()} NULLS`, position)
}

function undefinedFunction(call: string, position: number, name = call): EngineError {
  const near = nearest(name, [...functionNames(), ...aggregateNames()])
  return new EngineError('42883', `function ${call} does not exist`, {
    position,
    hint: near.length > 0 ? `Perhaps you meant ${near.join(' or ')}.` : undefined,
  })
}
