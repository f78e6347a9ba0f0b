import { assert } from '../../base/assert.ts'
import { arithmetic } from './arithmetic.ts'
import { arrayFunctions } from './array.ts'
import { comparison } from './comparison.ts'
import { datetimeFunctions } from './datetime.ts'
import { formatFunctions } from './format.ts'
import { jsonFunctions } from './json.ts'
import { mathFunctions } from './math.ts'
import type { Overload } from './overload.ts'
import { patternFunctions } from './pattern.ts'
import { systemFunctions } from './system.ts'
import { textFunctions } from './text.ts'
import { timeMakers } from './time-makers.ts'

/** The whole library; a new family adds one line. */
const FAMILIES: readonly (readonly Overload[])[] = [
  arithmetic,
  comparison,
  mathFunctions,
  textFunctions,
  patternFunctions,
  datetimeFunctions,
  timeMakers,
  formatFunctions,
  jsonFunctions,
  arrayFunctions,
  systemFunctions,
]

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
