import { EngineError } from '../base/errors.ts'
import { type DataType, sameType, typeName } from '../batch/types.ts'
import { canCast, category, commonType, isPreferred, withoutModifiers } from './coerce.ts'
import { type ArgType, argName, isFamily, type Overload, type Volatility } from './scalar/overload.ts'
import { overloadNames, overloadsOf } from './scalar/registry.ts'

/** The overload a call means. Arguments must be cast to `argTypes` (one for every argument given); the call has type `type`. */
export interface Resolved {
  readonly id: string
  readonly argTypes: readonly DataType[]
  readonly type: DataType
  readonly volatility: Volatility
}

/** Finds the function `name` for arguments of these types (`unknown` for untyped literals). Undefined: no function has that name. */
export function resolveFunction(name: string, args: readonly DataType[]): Resolved | undefined {
  const overloads = overloadsOf(name)
  if (overloads.length === 0 || !/^[a-z_]/.test(name)) return undefined
  const call = `${name}(${args.map(typeName).join(', ')})`
  return choose(overloads, args, 'function', `function ${call}`)
}

/** The same for a prefix (one argument) or infix operator. */
export function resolveOperator(op: string, args: readonly DataType[]): Resolved | undefined {
  const overloads = overloadsOf(op).filter(o => o.args.length === args.length)
  if (overloads.length === 0) return undefined
  const names = args.map(typeName)
  const call = names.length === 1 ? `${op} ${names[0]}` : `${names[0]} ${op} ${names[1]}`
  return choose(overloads, args, 'operator', call)
}

/** All function names, for hints about misspelt ones. */
export function functionNames(): string[] {
  return overloadNames().filter(name => /^[a-z_]/.test(name))
}

interface Candidate {
  readonly overload: Overload
  /** One for every argument given, variadic ones repeated. */
  readonly args: readonly ArgType[]
}

function choose(
  overloads: readonly Overload[],
  types: readonly DataType[],
  what: 'function' | 'operator',
  call: string,
) {
  const bare = types.map(withoutModifiers)
  const candidates = overloads
    .map(overload => ({ overload, args: expand(overload, types.length) }))
    .filter((c): c is Candidate => c.args !== undefined)
  const exact = exactMatch(candidates, bare, what)
  if (exact) return instantiate(exact, types)
  let left = candidates.filter(c => accepts(c.args, bare))
  if (left.length > 1) left = narrow(left, bare)
  if (left.length === 1) return instantiate(left[0], types)
  if (left.length > 1) {
    const message = what === 'function' ? `${call} is not unique` : `operator is not unique: ${call}`
    throw new EngineError('42725', message, {
      hint: 'Could not choose a best candidate. You might need to add explicit type casts.',
      detail: listing(left.map(c => c.overload)),
    })
  }
  const message = what === 'function' ? `${call} does not exist` : `operator does not exist: ${call}`
  throw new EngineError('42883', message, {
    hint: `There is ${listing(overloads)}. You might need to add explicit type casts.`,
  })
}

function listing(overloads: readonly Overload[]): string {
  const shown = overloads
    .slice(0, 12)
    .map(o => `${o.name}(${o.args.map(argName).join(', ')}${o.variadic ? ', …' : ''})`)
  return shown.join(', ') + (overloads.length > 12 ? ', …' : '')
}

function expand(overload: Overload, count: number): readonly ArgType[] | undefined {
  const { args, variadic } = overload
  if (!variadic) return args.length === count ? args : undefined
  if (count < args.length) return undefined
  return [...args, ...Array.from({ length: count - args.length }, () => args[args.length - 1])]
}

function isExact(arg: ArgType, type: DataType): boolean {
  return !isFamily(arg) && sameType(arg, type)
}

// An operator with one unknown argument is first tried with both of the same type.
function exactMatch(candidates: readonly Candidate[], types: readonly DataType[], what: string): Candidate | undefined {
  let wanted = types
  if (what === 'operator' && types.length === 2) {
    const known = types.find(t => t.kind !== 'unknown')
    if (known) wanted = types.map(t => (t.kind === 'unknown' ? known : t))
  }
  return candidates.find(c => c.args.every((arg, i) => isExact(arg, wanted[i])))
}

function accepts(args: readonly ArgType[], types: readonly DataType[]): boolean {
  return (
    args.every((arg, i) => acceptsOne(arg, types[i])) &&
    (!args.some(isFamily) || bindFamilies(args, types) !== undefined)
  )
}

function acceptsOne(arg: ArgType, type: DataType): boolean {
  if (!isFamily(arg)) return canCast(type, arg, 'implicit')
  if (type.kind === 'unknown') return arg.kind !== 'record'
  if (arg.kind === 'anyarray') return type.kind === 'array'
  if (arg.kind === 'anynonarray') return type.kind !== 'array'
  if (arg.kind === 'record') return type.kind === 'row'
  return true
}

/** Concrete types for all arguments. Undefined: elements have no common type. */
function bindFamilies(args: readonly ArgType[], types: readonly DataType[]): DataType[] | undefined {
  const elements: DataType[] = []
  let tied = false
  args.forEach((arg, i) => {
    const type = types[i]
    if (arg.kind === 'anyelement') elements.push(type)
    if (arg.kind === 'anyarray' && type.kind === 'array') elements.push(type.element)
    tied ||= arg.kind === 'anyelement' || arg.kind === 'anyarray'
  })
  const element = tied ? commonType(elements) : undefined
  if (tied && !element) return undefined
  return args.map((arg, i) => {
    if (!isFamily(arg)) return sameType(arg, withoutModifiers(types[i])) ? types[i] : arg
    if (element && arg.kind === 'anyelement') return element
    if (element && arg.kind === 'anyarray') return { kind: 'array', element }
    return types[i].kind === 'unknown' ? { kind: 'text' } : types[i]
  })
}

function instantiate({ overload, args }: Candidate, types: readonly DataType[]): Resolved {
  const argTypes = bindFamilies(args, types) ?? []
  const { id, returns, volatility } = overload
  return { id, argTypes, type: typeof returns === 'function' ? returns(argTypes) : returns, volatility }
}

/** Postgres' func_select_candidate: most exact matches, then preferred types, then what unknown arguments suggest. */
function narrow(candidates: readonly Candidate[], types: readonly DataType[]): Candidate[] {
  let left = keepBest(candidates, c => count(c, (arg, i) => isExact(arg, types[i])))
  if (left.length === 1) return left
  left = keepBest(left, c =>
    count(c, (arg, i) => {
      if (types[i].kind === 'unknown') return false
      return isExact(arg, types[i]) || (category(arg.kind) === category(types[i].kind) && isPreferred(arg.kind))
    }),
  )
  if (left.length === 1) return left
  if (!types.some(t => t.kind === 'unknown')) return left
  left = byUnknownCategories(left, types)
  if (left.length === 1) return left
  const known = types.filter(t => t.kind !== 'unknown')
  if (known.length > 0 && known.every(t => sameType(t, known[0]))) {
    const same = types.map(() => known[0])
    const fitting = left.filter(c => accepts(c.args, same))
    if (fitting.length === 1) return fitting
  }
  return left
}

function count(candidate: Candidate, counts: (arg: ArgType, i: number) => boolean): number {
  return candidate.args.reduce((n, arg, i) => n + (counts(arg, i) ? 1 : 0), 0)
}

function keepBest(candidates: readonly Candidate[], score: (c: Candidate) => number): Candidate[] {
  const best = Math.max(...candidates.map(score))
  return candidates.filter(c => score(c) === best)
}

/** At every unknown argument: strings if any candidate takes them, else the category all agree on; within it the preferred type. */
function byUnknownCategories(candidates: readonly Candidate[], types: readonly DataType[]): Candidate[] {
  const wanted: { i: number; category: string; preferred: boolean }[] = []
  for (let i = 0; i < types.length; i++) {
    if (types[i].kind !== 'unknown') continue
    const categories = candidates.map(c => category(c.args[i].kind))
    const chosen = categories.includes('S') ? 'S' : categories[0]
    if (chosen !== 'S' && categories.some(c => c !== chosen)) return [...candidates]
    const preferred = candidates.some(c => category(c.args[i].kind) === chosen && isPreferred(c.args[i].kind))
    wanted.push({ i, category: chosen, preferred })
  }
  const fitting = candidates.filter(c =>
    wanted.every(w => {
      const { kind } = c.args[w.i]
      return category(kind) === w.category && (!w.preferred || isPreferred(kind))
    }),
  )
  return fitting.length > 0 ? fitting : [...candidates]
}
