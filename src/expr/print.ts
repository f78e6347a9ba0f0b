import { unreachable } from '../base/assert.ts'
import { type DataType, type Datum, typeName } from '../batch/types.ts'
import type { Expr } from './expr.ts'
import { formatDatum } from './text.ts'

// How tightly a form binds, as in Postgres' grammar.
const OR = 1
const AND = 2
const NOT = 3
const IS = 4
const COMPARE = 5
const OTHER = 7
const ADD = 8
const MULTIPLY = 9
const POWER = 10
const AT = 11
const UNARY = 12
const CAST = 13
const ATOM = 15

const LEVELS: Readonly<Record<string, number>> = {
  '=': COMPARE,
  '<>': COMPARE,
  '<': COMPARE,
  '<=': COMPARE,
  '>': COMPARE,
  '>=': COMPARE,
  '+': ADD,
  '-': ADD,
  '*': MULTIPLY,
  '/': MULTIPLY,
  '%': MULTIPLY,
  '^': POWER,
}
/** Operators that SQL writes as words. */
const WORDS: Readonly<Record<string, string>> = {
  '~~': 'LIKE',
  '!~~': 'NOT LIKE',
  '~~*': 'ILIKE',
  '!~~*': 'NOT ILIKE',
}

/** Functions that SQL writes between their arguments. */
const PATTERNS: Readonly<Record<string, string>> = { like: 'LIKE', ilike: 'ILIKE', similar_to: 'SIMILAR TO' }

/** The expression as SQL that Postgres would read the same way, with no more parentheses than that takes. */
export function printExpr(expr: Expr): string {
  return print(expr).text
}

interface Printed {
  readonly text: string
  readonly level: number
}

function print(expr: Expr): Printed {
  switch (expr.kind) {
    case 'column':
      return atom(printName(expr.name))
    case 'literal':
      return printLiteral(expr.value, expr.type)
    case 'parameter':
      return atom(`$${expr.index}`)
    case 'call':
      return printCall(expr.name, expr.args)
    case 'and':
      return { text: expr.args.map(a => within(a, AND)).join(' AND '), level: AND }
    case 'or':
      return { text: expr.args.map(a => within(a, OR)).join(' OR '), level: OR }
    case 'not':
      return { text: `NOT ${within(expr.arg, NOT)}`, level: NOT }
    case 'is': {
      const test = expr.test.toUpperCase()
      return { text: `${within(expr.arg, IS + 1)} IS ${expr.negated ? 'NOT ' : ''}${test}`, level: IS }
    }
    case 'in': {
      const { type } = expr.arg
      const values = expr.values.map(v => printLiteral(v, type).text)
      return {
        text: `${within(expr.arg, OTHER)} ${expr.negated ? 'NOT ' : ''}IN (${values.join(', ')})`,
        level: OTHER - 1,
      }
    }
    case 'case': {
      const branches = expr.branches.map(b => `WHEN ${printExpr(b.when)} THEN ${printExpr(b.then)}`)
      return atom(`CASE ${branches.join(' ')} ELSE ${printExpr(expr.otherwise)} END`)
    }
    case 'coalesce':
      return atom(`COALESCE(${list(expr.args)})`)
    case 'cast':
      return { text: `${within(expr.arg, CAST)}::${typeName(expr.type)}`, level: CAST }
    case 'array':
      return atom(`ARRAY[${list(expr.elements)}]`)
    case 'row':
      return atom(`ROW(${list(expr.fields)})`)
    case 'field': {
      const name = expr.arg.type.kind === 'row' ? expr.arg.type.fields[expr.index].name : `f${expr.index + 1}`
      return atom(`(${printExpr(expr.arg)}).${printName(name)}`)
    }
    case 'subscript':
      return atom(
        expr.arg.kind === 'column'
          ? `${printExpr(expr.arg)}[${printExpr(expr.index)}]`
          : `(${printExpr(expr.arg)})[${printExpr(expr.index)}]`,
      )
    default:
      return unreachable(expr)
  }
}

function atom(text: string): Printed {
  return { text, level: ATOM }
}

function within(expr: Expr, level: number): string {
  const printed = print(expr)
  return printed.level < level ? `(${printed.text})` : printed.text
}

function list(exprs: readonly Expr[]): string {
  return exprs.map(printExpr).join(', ')
}

function printCall(name: string, args: readonly Expr[]): Printed {
  if (name === 'timezone' && args.length === 2) {
    return { text: `${within(args[1], AT)} AT TIME ZONE ${within(args[0], AT + 1)}`, level: AT }
  }
  if (name === 'extract' && args[0].kind === 'literal')
    return atom(`extract(${args[0].value} FROM ${printExpr(args[1])})`)
  if (name === 'position') return atom(`position(${within(args[1], OTHER)} IN ${within(args[0], OTHER)})`)
  if (Object.hasOwn(PATTERNS, name)) {
    const mark = args.length === 3 ? ` ESCAPE ${within(args[2], OTHER + 1)}` : ''
    return {
      text: `${within(args[0], OTHER)} ${PATTERNS[name]} ${within(args[1], OTHER + 1)}${mark}`,
      level: OTHER - 1,
    }
  }
  if (/^[\w"]/.test(name)) return atom(`${printName(name)}(${list(args)})`)
  const word = Object.hasOwn(WORDS, name) ? WORDS[name] : name
  if (args.length === 1) {
    const operand = within(args[0], UNARY)
    // `- -1` would be a comment without the blank.
    return { text: operand.startsWith('-') || word !== '-' ? `${word} ${operand}` : `${word}${operand}`, level: UNARY }
  }
  const level = Object.hasOwn(LEVELS, name) ? LEVELS[name] : OTHER
  // Comparisons do not chain; the others group from the left.
  const left = within(args[0], level === COMPARE ? level + 1 : level)
  return { text: `${left} ${word} ${within(args[1], level + 1)}`, level }
}

function printLiteral(value: Datum, type: DataType): Printed {
  if (value === null) return atom('NULL')
  if (typeof value === 'boolean') return atom(value ? 'true' : 'false')
  const text = formatDatum(value, type, { timeZone: 'UTC' })
  if (/^-?\d/.test(text) && type.kind === typeOfDigits(text))
    return text[0] === '-' ? { text, level: UNARY } : atom(text)
  const quoted = quote(text)
  if (type.kind === 'text' || type.kind === 'unknown') return atom(quoted)
  return { text: `${quoted}::${typeName(type)}`, level: CAST }
}

/** The type that bare digits are read as. */
function typeOfDigits(text: string): DataType['kind'] {
  if (!/^-?\d+$/.test(text)) return 'numeric'
  const value = BigInt(text)
  if (value >= -(2n ** 31n) && value < 2n ** 31n) return 'integer'
  return value >= -(2n ** 63n) && value < 2n ** 63n ? 'bigint' : 'numeric'
}

function quote(text: string): string {
  const doubled = text.replaceAll(`'`, `''`)
  return text.includes('\\') ? ` E'${doubled.replaceAll('\\', '\\\\')}'`.trimStart() : `'${doubled}'`
}

function printName(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`
}
