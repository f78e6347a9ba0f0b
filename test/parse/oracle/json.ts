/** JSON of libpg-query, whose shapes are looked at and not trusted: an unknown one throws. */
export type Json = Record<string, unknown>

/** Thrown for what has no counterpart here. */
export const unmapped = class extends Error {}

/** Tag and content of a node. */
export function fields(node: unknown): [string, Json] {
  const [entry] = Object.entries(node as Json)
  return [entry[0], entry[1] as Json]
}

export const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])
export const optional = (value: unknown, map: (node: unknown) => unknown): unknown =>
  value === undefined ? undefined : map(value)
export const names = (value: unknown): string[] =>
  list(value).map(node => String((fields(node)[1] as { sval?: string }).sval ?? ''))
