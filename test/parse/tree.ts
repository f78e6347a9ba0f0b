import type { Statement } from '../../grammar/statements.ts'

/** A tree without positions and without what is undefined, keys in order: equal trees give equal text. */
export function bare(node: Statement | unknown): unknown {
  if (Array.isArray(node)) return node.map(bare)
  if (typeof node !== 'object' || node === null) return node
  const entries = Object.entries(node).filter(([key, value]) => key !== 'at' && value !== undefined)
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => [key, bare(value)]))
}
