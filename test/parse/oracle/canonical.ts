import { type Json, list } from './json.ts'

/**
 * Postgres' own parse trees (libpg-query's JSON) and ours, both in one canonical form. Where the two differ by design the
 * canonical form is the coarser one: signs before constants are folded, set operations are binary, and parentheses leave no trace.
 */

/** Our bare tree in canonical form. */
export function canonical(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(canonical)
  if (typeof node !== 'object' || node === null) return node
  const plain = Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, key === 'locking' ? list(value).length : canonical(value)]),
  )
  const { kind, op, arg } = plain as { kind?: string; op?: string; arg?: Json }
  // Postgres writes −1 as a constant.
  if (kind === 'unary' && op === '-' && list(plain.schema).length === 0 && arg?.kind === 'number') {
    const text = String(arg.text)
    const negated = text.startsWith('-') ? text.slice(1) : `-${text}`
    return { kind: 'number', text: negated === '-0' ? '0' : negated }
  }
  if (kind === 'in-query' && plain.negated) return { kind: 'not', arg: { ...plain, negated: false } }
  if (kind === 'set-operation') return chain(plain)
  // Postgres' arrays have no kind per dimension when bounds are written: innermost first, as here.
  return plain
}

function chain(set: Json): unknown {
  const nothing = { kind: 'query', orderBy: [], withTies: false, locking: 0 }
  const rest = list(set.rest) as { op: string; all: boolean; query: unknown }[]
  const tree = rest.reduce((left: unknown, { op, all, query }, i): unknown => {
    const body = { op, all, left, right: query }
    return i === rest.length - 1 ? body : { ...nothing, body }
  }, set.first)
  return tree
}
