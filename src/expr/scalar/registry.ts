import { assert } from '../../base/assert.ts'
import { arithmetic } from './arithmetic.ts'
import { comparison } from './comparison.ts'
import type { Overload } from './overload.ts'

/** The whole library; a new family adds one line. */
const FAMILIES: readonly (readonly Overload[])[] = [arithmetic, comparison]

const byId = new Map<string, Overload>()
const byName = new Map<string, Overload[]>()
for (const overload of FAMILIES.flat()) {
  assert(!byId.has(overload.id), `${overload.id} is declared once`)
  byId.set(overload.id, overload)
  const same = byName.get(overload.name)
  if (same) same.push(overload)
  else byName.set(overload.name, [overload])
}

/** The overload that a call expression names. */
export function overloadById(id: string): Overload {
  const overload = byId.get(id)
  assert(overload !== undefined, `overload ${id} exists`)
  return overload
}

/** All overloads of a function or operator, in the order of declaration. */
export function overloadsOf(name: string): readonly Overload[] {
  return byName.get(name) ?? []
}

/** Names of all functions and operators. */
export function overloadNames(): string[] {
  return [...byName.keys()]
}
