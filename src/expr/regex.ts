import { setFlagsFromString } from 'node:v8'
import { EngineError } from '../base/errors.ts'

/**
 * Postgres' advanced regular expressions on JavaScript's engine.
 *
 * Supported: everything the two share, POSIX classes ([[:digit:]] …), \m \M \y \Y \A \Z, \< \>, embedded options (?i),
 * literal prefix ***=. Differences: of several alternatives JavaScript takes the first that fits, Postgres the longest; a mix of
 * greedy and lazy quantifiers is decided one by one. Collating elements are refused.
 *
 * JavaScript backtracks, so a pattern could take exponential time on the wrong text, and the engine's loop cannot be
 * interrupted. Three things stand against that: a quantified group that itself ends in a quantifier, as in (a+)+, is refused
 * with 2201B; a pattern may have 10,000 characters at most; and where only the verdict is asked (~, SIMILAR TO), V8 goes over to its
 * linear engine after 50,000 steps back. That engine knows neither the flags u and i nor lookahead, references back, long counts {60} and \p, so patterns
 * with these, and the functions that ask for places in the text, keep the first two alone.
 */
setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks')

const PATTERN_LENGTH_MAX = 10_000

const CLASSES: Readonly<Record<string, string>> = {
  alpha: '\\p{L}',
  digit: '\\p{Nd}',
  alnum: '\\p{L}\\p{Nd}',
  upper: '\\p{Lu}',
  lower: '\\p{Ll}',
  space: '\\s',
  blank: ' \\t',
  punct: '!-\\/:-@\\[-`\\{-~',
  cntrl: '\\x00-\\x1f\\x7f',
  print: '\\x20-\\x7e\\u00a0-\\u{10ffff}',
  graph: '\\x21-\\x7e\\u00a1-\\u{10ffff}',
  xdigit: '0-9A-Fa-f',
  word: '\\w',
}
const ESCAPES: Readonly<Record<string, string>> = {
  m: '(?<!\\w)(?=\\w)',
  M: '(?<=\\w)(?!\\w)',
  y: '\\b',
  Y: '\\B',
  A: '(?<![^])',
  Z: '(?![^])',
  '<': '(?<!\\w)(?=\\w)',
  '>': '(?<=\\w)(?!\\w)',
  a: '\\x07',
  e: '\\x1b',
  B: '\\\\',
}

/** Options a flags argument gave; `g` means all matches. */
export interface RegexFlags {
  readonly all: boolean
  readonly ignoreCase: boolean
  /** n, m: newline-sensitive; p: only for . and brackets; w: only for ^ and $. */
  readonly lines: '' | 'both' | 'dot' | 'anchors'
  readonly literal: boolean
  readonly expanded: boolean
}

/** Reads a flags argument. Throws 22023 for an unknown one. */
export function parseFlags(flags: string): RegexFlags {
  let all = false
  let ignoreCase = false
  let lines: RegexFlags['lines'] = ''
  let literal = false
  let expanded = false
  for (const flag of flags) {
    if (flag === 'g') all = true
    else if (flag === 'i') ignoreCase = true
    else if (flag === 'c') ignoreCase = false
    else if (flag === 'n' || flag === 'm') lines = 'both'
    else if (flag === 'p') lines = 'dot'
    else if (flag === 'w') lines = 'anchors'
    else if (flag === 's') lines = ''
    else if (flag === 'q') literal = true
    else if (flag === 'x') expanded = true
    else if (flag !== 't' && flag !== 'e' && flag !== 'b') {
      throw new EngineError('22023', `invalid regular expression option: "${flag}"`)
    }
  }
  return { all, ignoreCase, lines, literal, expanded }
}

const CACHE_MAX = 200
const cache = new Map<string, RegExp>()
const testCache = new Map<string, RegExp>()

/** The JavaScript RegExp (with g, u) for a Postgres pattern. Remembered. Throws 2201B. */
export function compileRegex(pattern: string, flags = ''): RegExp {
  const key = `${flags}/${pattern}`
  const known = cache.get(key)
  if (known) {
    known.lastIndex = 0
    return known
  }
  const made = build(pattern, flags)
  if (cache.size >= CACHE_MAX) cache.clear()
  cache.set(key, made)
  return made
}

/** As `compileRegex`, to be asked with `test` only: in linear time where V8 can. Remembered. */
export function compileTest(pattern: string, flags = ''): RegExp {
  const key = `${flags}/${pattern}`
  const known = testCache.get(key)
  if (known) return known
  const exact = build(pattern, flags)
  const units = inUnits(exact)
  // Without g, so that a test leaves no place behind to go on from.
  const made = new RegExp(units ?? exact.source, exact.flags.replace(units === undefined ? 'g' : /[gu]/g, ''))
  if (testCache.size >= CACHE_MAX) testCache.clear()
  testCache.set(key, made)
  return made
}

const SURROGATES = '\\ud800-\\udfff'
const PAIR = '[\\ud800-\\udbff][\\udc00-\\udfff]'

/** The source of an expression with the flag u as one without it that finds a match in the same texts; undefined when there is none, or V8's linear engine could not run it. */
function inUnits({ source, flags }: RegExp): string | undefined {
  if (flags.includes('i') || /[\ud800-\udfff]/.test(source)) return undefined
  let out = ''
  for (let i = 0; i < source.length; i++) {
    const c = source[i]
    if (c === '\\') {
      const next = source[++i]
      if (/[pPuk1-9]/.test(next)) return undefined
      out += /[DSW]/.test(next) ? `(?:[^\\${next.toLowerCase()}${SURROGATES}]|${PAIR})` : `\\${next}`
    } else if (c === '[') {
      let end = i + 1
      while (source[end] !== ']') end += source[end] === '\\' ? 2 : 1
      const body = source.slice(i + 1, end)
      // A range up to the end of the plane would hold halves of pairs.
      if (/\\[pPuDSW]|[\ue000-\uffff]/.test(body)) return undefined
      out += body.startsWith('^') && body !== '^' ? `(?:[${body}${SURROGATES}]|${PAIR})` : `[${body}]`
      i = end
    } else if (c === '.') {
      out += `(?:[^${flags.includes('s') ? '' : '\\n\\r\\u2028\\u2029'}${SURROGATES}]|${PAIR})`
    } else if (c === '(' && /^\(\?[=!]/.test(source.slice(i, i + 3))) return undefined
    else out += c
  }
  return out
}

function invalid(reason: string, cause?: unknown): EngineError {
  return new EngineError('2201B', `invalid regular expression: ${reason}`, { cause })
}

function build(pattern: string, given: string): RegExp {
  if (pattern.length > PATTERN_LENGTH_MAX) throw invalid(`it is longer than ${PATTERN_LENGTH_MAX} characters`)
  let flags = parseFlags(given)
  let source = pattern
  const embedded = /^(?:\*\*\*:)?\(\?([a-z]+)\)/.exec(source)
  if (embedded) {
    flags = parseFlags(given + embedded[1])
    source = source.slice(embedded[0].length)
  } else if (source.startsWith('***=')) {
    flags = { ...flags, literal: true }
    source = source.slice(4)
  } else if (source.startsWith('***:')) source = source.slice(4)
  const translated = flags.literal ? source.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&') : translate(source, flags)
  const lines = flags.lines
  try {
    const dot = lines === 'both' || lines === 'dot' ? '' : 's'
    const anchors = lines === 'both' || lines === 'anchors' ? 'm' : ''
    return new RegExp(translated, `gu${flags.ignoreCase ? 'i' : ''}${dot}${anchors}`)
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message.replace(/^.*: /, '') : String(cause)
    throw invalid(detail.toLowerCase(), cause)
  }
}

function translate(pattern: string, flags: RegexFlags): string {
  let out = ''
  const groups: boolean[] = []
  /** Whether what was just written ends in an unbounded quantifier, for the check of nested ones. */
  let repeats = false
  const all = [...pattern]
  for (let i = 0; i < all.length; i++) {
    const c = all[i]
    if (c === '\\') {
      out += escaped(all[++i])
      repeats = false
    } else if (c === '[') {
      const end = classEnd(all, i)
      out += classOf(all.slice(i + 1, end).join(''), flags)
      i = end
      repeats = false
    } else if (c === '(') {
      groups.push(false)
      out += c
      repeats = false
    } else if (c === ')') {
      const inside = groups.pop()
      if (inside === undefined) throw invalid('parentheses () not balanced')
      out += c
      if (inside && isUnbounded(all, i + 1)) throw invalid('a repeated group must not end in a repetition', undefined)
      repeats = inside
      if (inside && groups.length > 0) groups[groups.length - 1] = true
    } else if (c === '*' || c === '+' || (c === '{' && isBound(all, i))) {
      repeats = isUnbounded(all, i)
      if (c === '{') {
        const end = all.indexOf('}', i)
        out += all.slice(i, end + 1).join('')
        i = end
      } else out += c
      if (groups.length > 0 && endsGroup(all, i + 1)) groups[groups.length - 1] ||= repeats
    } else if (flags.expanded && /\s/.test(c)) continue
    else if (flags.expanded && c === '#') while (i + 1 < all.length && all[i + 1] !== '\n') i++
    else out += c === '{' || c === '}' || c === ']' ? `\\${c}` : c === '/' ? '\\/' : c
  }
  if (groups.length > 0) throw invalid('parentheses () not balanced')
  return out
}

function isBound(all: readonly string[], at: number): boolean {
  return /^\{\d+(,\d*)?\}/.test(all.slice(at, at + 16).join(''))
}

function isUnbounded(all: readonly string[], at: number): boolean {
  const c = all[at]
  return c === '*' || c === '+' || /^\{\d+,\}/.test(all.slice(at, at + 16).join(''))
}

/** After a quantifier at `at`: a lazy mark may follow, then the group or its alternative ends. */
function endsGroup(all: readonly string[], at: number): boolean {
  const next = all[at] === '?' ? all[at + 1] : all[at]
  return next === ')' || next === '|'
}

function escaped(c: string | undefined): string {
  if (c === undefined) throw invalid('invalid escape \\ sequence')
  if (Object.hasOwn(ESCAPES, c)) return ESCAPES[c]
  if (/[dDsSwWnrtfv0-9xu]/.test(c)) return `\\${c}`
  if (/[A-Za-z]/.test(c)) throw invalid('invalid escape \\ sequence')
  return /[\^$\\.*+?()[\]{}|/]/.test(c) ? `\\${c}` : c
}

function classEnd(all: readonly string[], start: number): number {
  let i = start + 1
  if (all[i] === '^') i++
  if (all[i] === ']') i++
  for (; i < all.length; i++) {
    if (all[i] === '\\') i++
    else if (all[i] === '[' && (all[i + 1] === ':' || all[i + 1] === '.' || all[i + 1] === '=')) {
      const end = all.indexOf(']', all.indexOf(all[i + 1], i + 2))
      if (end < 0) break
      i = end
    } else if (all[i] === ']') return i
  }
  throw invalid('brackets [] not balanced')
}

function classOf(body: string, flags: RegexFlags): string {
  if (/\[[.=]/.test(body)) throw invalid('collating elements are not supported')
  const negated = body.startsWith('^')
  const inside = (negated ? body.slice(1) : body).replace(
    /\[:(\w+):\]|\\(.)|([[\]/&~!#])/gsu,
    (whole, name, escapee, special) => {
      if (name !== undefined) {
        if (!Object.hasOwn(CLASSES, name)) throw invalid('invalid character class')
        return CLASSES[name]
      }
      if (escapee !== undefined)
        return /[dDsSwWnrtfvxu]/.test(escapee) ? whole : /\w/.test(escapee) ? escapee : `\\${escapee}`
      return /[[\]/]/.test(special) ? `\\${special}` : special
    },
  )
  const lines = negated && (flags.lines === 'both' || flags.lines === 'dot') ? '\\n' : ''
  return `[${negated ? '^' : ''}${inside}${lines}]`
}
