import { EngineError } from '../base/errors.ts'

/** A test made from a pattern. */
export type Matcher = (text: string) => boolean

/**
 * LIKE: `%` any text, `_` one character, a backslash makes the next one plain. Patterns with % at the
 * ends only become a string search; others are matched in O(text · pattern).
 */
export function likeMatcher(pattern: string, ignoreCase: boolean): Matcher {
  const parts = splitPattern(pattern)
  const simple = ignoreCase ? undefined : simpleMatcher(parts)
  if (simple) return simple
  return text => matchParts(parts, ignoreCase ? [...text.toLowerCase()] : [...text], ignoreCase)
}

/** `%`, `_`, or `{ plain }` of one character. */
type Part = '%' | '_' | { readonly plain: string }

function splitPattern(pattern: string): Part[] {
  const parts: Part[] = []
  const all = [...pattern]
  for (let i = 0; i < all.length; i++) {
    if (all[i] === '\\') {
      i++
      if (i === all.length) throw new EngineError('22025', 'LIKE pattern must not end with escape character')
      parts.push({ plain: all[i] })
    } else if (all[i] === '%') {
      if (parts.at(-1) !== '%') parts.push('%')
    } else parts.push(all[i] === '_' ? '_' : { plain: all[i] })
  }
  return parts
}

/** Patterns that are a text with % before, after, or both. */
function simpleMatcher(parts: readonly Part[]): Matcher | undefined {
  const open = parts[0] === '%'
  const close = parts.length > 0 && parts.at(-1) === '%'
  const middle = parts.slice(open ? 1 : 0, close && parts.length > 1 ? -1 : undefined)
  let plain = ''
  for (const part of middle) {
    if (typeof part === 'string') return undefined
    plain += part.plain
  }
  if (open && parts.length === 1) return () => true
  if (open && close) return text => text.includes(plain)
  if (open) return text => text.endsWith(plain)
  return close ? text => text.startsWith(plain) : text => text === plain
}

/** Greedy matching that falls back to the last % only: O(text · pattern), never exponential. */
function matchParts(parts: readonly Part[], text: readonly string[], ignoreCase: boolean): boolean {
  let p = 0
  let t = 0
  let star = -1
  let mark = 0
  while (t < text.length) {
    const part = parts[p]
    if (part === '%') {
      star = p++
      mark = t
    } else if (part === '_' || (part && (ignoreCase ? part.plain.toLowerCase() : part.plain) === text[t])) {
      p++
      t++
    } else if (star >= 0) {
      p = star + 1
      t = ++mark
    } else return false
  }
  while (parts[p] === '%') p++
  return p === parts.length
}

/** SIMILAR TO: SQL's regular expressions, as a pattern for `compileRegex`. */
export function similarToRegex(pattern: string, mark: string): string {
  let out = ''
  let inClass = false
  const all = [...pattern]
  for (let i = 0; i < all.length; i++) {
    const c = all[i]
    if (c === mark && mark !== '') {
      i++
      if (i === all.length) throw new EngineError('22025', 'SIMILAR TO pattern must not end with escape character')
      out += /[\w\s]/.test(all[i]) ? all[i] : `\\${all[i]}`
    } else if (inClass) {
      if (c === ']') inClass = false
      out += c === '\\' ? '\\\\' : c
    } else if (c === '[') {
      inClass = true
      out += c
    } else if (c === '%') out += '.*'
    else if (c === '_') out += '.'
    else if (c === '(') out += '(?:'
    else out += c === '\\' || c === '.' || c === '^' || c === '$' ? `\\${c}` : c
  }
  return `^(?:${out})$`
}
