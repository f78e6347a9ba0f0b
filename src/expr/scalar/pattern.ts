import { EngineError } from '../../base/errors.ts'
import { BOOLEAN, type DataType, INTEGER, TEXT } from '../../batch/types.ts'
import { likeMatcher, type Matcher, similarToRegex } from '../like.ts'
import { compileRegex, compileTest, parseFlags } from '../regex.ts'
import { type Body, define, type Overload } from './overload.ts'

/** LIKE, SIMILAR TO and regular expressions. A call site remembers the pattern it saw last. */

const TEXT_ARRAY: DataType = { kind: 'array', element: TEXT }

function like(ignoreCase: boolean, negated: boolean): Body {
  return {
    make: () => {
      let known: { pattern: string; matches: Matcher } | undefined
      return (text: string, pattern: string) => {
        if (known?.pattern !== pattern) known = { pattern, matches: likeMatcher(pattern, ignoreCase) }
        return known.matches(text) !== negated
      }
    },
  }
}

const likes = [
  define('~~', [TEXT, TEXT], BOOLEAN, like(false, false)),
  define('!~~', [TEXT, TEXT], BOOLEAN, like(false, true)),
  define('~~*', [TEXT, TEXT], BOOLEAN, like(true, false)),
  define('!~~*', [TEXT, TEXT], BOOLEAN, like(true, true)),
  // With ESCAPE.
  define('like', [TEXT, TEXT, TEXT], BOOLEAN, escapedLike(false)),
  define('ilike', [TEXT, TEXT, TEXT], BOOLEAN, escapedLike(true)),
  define('similar_to', [TEXT, TEXT], BOOLEAN, (text: string, pattern: string) =>
    compileTest(similarToRegex(pattern, '\\')).test(text),
  ),
  define('similar_to', [TEXT, TEXT, TEXT], BOOLEAN, (text: string, pattern: string, mark: string) =>
    compileTest(similarToRegex(pattern, oneCharacter(mark))).test(text),
  ),
]

function escapedLike(ignoreCase: boolean): (text: string, pattern: string, mark: string) => boolean {
  return (text, pattern, mark) => likeMatcher(escapeLike(pattern, mark), ignoreCase)(text)
}

function oneCharacter(mark: string): string {
  if ([...mark].length <= 1) return mark
  throw new EngineError('22019', 'invalid escape string', { hint: 'Escape string must be empty or one character.' })
}

/** The pattern with backslash as the escape character. */
function escapeLike(pattern: string, mark: string): string {
  const own = oneCharacter(mark)
  if (own === '\\') return pattern
  let out = ''
  const all = [...pattern]
  for (let i = 0; i < all.length; i++) {
    if (all[i] === own) {
      i++
      if (i === all.length) throw new EngineError('22025', 'LIKE pattern must not end with escape character')
      out += `\\${all[i]}`
    } else out += all[i] === '\\' ? '\\\\' : all[i]
  }
  return out
}

const operators = [
  define('~', [TEXT, TEXT], BOOLEAN, regex('', false)),
  define('!~', [TEXT, TEXT], BOOLEAN, regex('', true)),
  define('~*', [TEXT, TEXT], BOOLEAN, regex('i', false)),
  define('!~*', [TEXT, TEXT], BOOLEAN, regex('i', true)),
]

function regex(flags: string, negated: boolean): Body {
  return {
    make: () => {
      let known: { pattern: string; compiled: RegExp } | undefined
      return (text: string, pattern: string) => {
        if (known?.pattern !== pattern) known = { pattern, compiled: compileTest(pattern, flags) }
        return known.compiled.test(text) !== negated
      }
    },
  }
}

/** Flags without g, which only some functions take. */
function withoutAll(flags: string, name: string): string {
  if (!parseFlags(flags).all) return flags
  throw new EngineError('22023', `${name}() does not support the "global" option`)
}

function match(text: string, pattern: string, flags: string): (string | null)[] | null {
  const found = compileRegex(pattern, flags).exec(text)
  if (!found) return null
  return found.length > 1 ? found.slice(1).map(group => group ?? null) : [found[0]]
}

function count(text: string, pattern: string, start: number, flags: string): number {
  if (start < 1) throw new EngineError('22023', `invalid value for parameter "start": ${start}`)
  const regex = compileRegex(pattern, flags)
  return [
    ...[...text]
      .slice(start - 1)
      .join('')
      .matchAll(regex),
  ].length
}

function replace(text: string, pattern: string, replacement: string, flags: string): string {
  const regex = compileRegex(pattern, flags.replaceAll('g', ''))
  const { all } = parseFlags(flags)
  let done = false
  return text.replace(regex, (...found: unknown[]) => {
    if (done) return String(found[0])
    done = !all
    return replacement.replace(/\\(?:([0-9&])|(.)|$)/gs, (_, group, other) => {
      if (group === undefined) return other === '\\' ? '\\' : `\\${other ?? ''}`
      const value = found[group === '&' ? 0 : Number(group)]
      return typeof value === 'string' ? value : ''
    })
  })
}

function substring(text: string, pattern: string): string | null {
  const found = match(text, pattern, '')
  return found ? found[0] : null
}

function split(text: string, pattern: string, flags: string): string[] {
  const regex = compileRegex(pattern, withoutAll(flags, 'regexp_split_to_array'))
  const parts: string[] = []
  let from = 0
  for (const found of text.matchAll(regex)) {
    // An empty match at either end or just after a match splits nothing.
    if (found[0] === '' && (found.index >= text.length || found.index === 0 || found.index < from)) continue
    if (found[0] === '' && found.index === from) continue
    parts.push(text.slice(from, found.index))
    from = found.index + found[0].length
  }
  parts.push(text.slice(from))
  return parts
}

function stringToArray(text: string, separator: string | null, absent: string | null): (string | null)[] {
  const parts = separator === null ? [...text] : text === '' ? [] : separator === '' ? [text] : text.split(separator)
  return absent === null ? parts : parts.map(p => (p === absent ? null : p))
}

const functions = [
  define('regexp_like', [TEXT, TEXT], BOOLEAN, (t: string, p: string) => compileRegex(p).test(t)),
  define('regexp_like', [TEXT, TEXT, TEXT], BOOLEAN, (t: string, p: string, f: string) =>
    compileRegex(p, withoutAll(f, 'regexp_like')).test(t),
  ),
  define('regexp_match', [TEXT, TEXT], TEXT_ARRAY, (t: string, p: string) => match(t, p, '')),
  define('regexp_match', [TEXT, TEXT, TEXT], TEXT_ARRAY, (t: string, p: string, f: string) =>
    match(t, p, withoutAll(f, 'regexp_match')),
  ),
  define('regexp_count', [TEXT, TEXT], INTEGER, (t: string, p: string) => count(t, p, 1, '')),
  define('regexp_count', [TEXT, TEXT, INTEGER], INTEGER, (t: string, p: string, s: number) => count(t, p, s, '')),
  define('regexp_count', [TEXT, TEXT, INTEGER, TEXT], INTEGER, (t: string, p: string, s: number, f: string) =>
    count(t, p, s, withoutAll(f, 'regexp_count')),
  ),
  define('regexp_replace', [TEXT, TEXT, TEXT], TEXT, (t: string, p: string, r: string) => replace(t, p, r, '')),
  define('regexp_replace', [TEXT, TEXT, TEXT, TEXT], TEXT, replace),
  define('regexp_split_to_array', [TEXT, TEXT], TEXT_ARRAY, (t: string, p: string) => split(t, p, '')),
  define('regexp_split_to_array', [TEXT, TEXT, TEXT], TEXT_ARRAY, split),
  define('regexp_substr', [TEXT, TEXT], TEXT, (t: string, p: string) => compileRegex(p).exec(t)?.[0] ?? null),
  define('substring', [TEXT, TEXT], TEXT, substring),
  define(
    'string_to_array',
    [TEXT, TEXT],
    TEXT_ARRAY,
    (t: string | null, s: string | null) => (t === null ? null : stringToArray(t, s, null)),
    { strict: false },
  ),
  define(
    'string_to_array',
    [TEXT, TEXT, TEXT],
    TEXT_ARRAY,
    (t: string | null, s: string | null, absent: string | null) => (t === null ? null : stringToArray(t, s, absent)),
    { strict: false },
  ),
]

export const patternFunctions: readonly Overload[] = [...likes, ...operators, ...functions]
