import { unreachable } from '../../src/base/assert.ts'
import type { Call, Expr, Frame, FrameBound, Name, OrderItem, WindowSpec } from '../ast.ts'
import { isFunctionName, keywords } from '../keywords.ts'
import { binaryLevel } from '../parser/expression.ts'
import { printName, printNames, printString, printType } from './names.ts'
import { printQuery } from './query.ts'

/** Binding power of what is printed, as in the parser: an operand that binds less gets parentheses. */
const OR = 1
const AND = 2
const NOT = 3
const IS = 4
const LIKE = 6
const OPERATOR = 7
const COLLATE = 12
const SIGN = 13
const CAST = 14
const INDIRECTION = 15
const PRIMARY = 16

/** An expression. */
export function printExpression(expr: Expr): string {
  return printAt(expr, 0)
}

/** An expression where only an operand that binds at least so tightly may stand. Goes down the left side in a loop: it may be long. */
function printAt(expr: Expr, least: number): string {
  let open = ''
  const behind: string[] = []
  let node = expr
  let floor = least
  while (true) {
    const step = printStep(node)
    if (step === undefined) break
    if (step.level < floor) {
      open += '('
      behind.push(')')
    }
    behind.push(step.behind)
    node = step.left
    floor = step.floor
  }
  const base = printBase(node)
  const text = base.level < floor ? `(${base.text})` : base.text
  return open + text + behind.reverse().join('')
}

/** What stands behind the left operand of a node that has one. */
function printStep(expr: Expr): { left: Expr; behind: string; level: number; floor: number } | undefined {
  switch (expr.kind) {
    case 'binary': {
      const level = binaryLevel(expr.op, expr.schema)
      const floor = level === binaryLevel('=', []) ? level + 1 : level
      return step(expr.left, ` ${printOperator(expr.op, expr.schema)} ${printAt(expr.right, level + 1)}`, level, floor)
    }
    case 'quantified': {
      const level = binaryLevel(expr.op, expr.schema)
      const right = expr.right.kind === 'query' ? printQuery(expr.right) : printExpression(expr.right)
      const behind = ` ${printOperator(expr.op, expr.schema)} ${expr.quantifier.toUpperCase()} (${right})`
      return step(expr.left, behind, level, level + 1)
    }
    case 'is':
      return step(expr.arg, ` IS ${not(expr.negated)}${expr.test.toUpperCase()}`, IS, IS + 1)
    case 'is-distinct':
      return step(expr.left, ` IS ${not(expr.negated)}DISTINCT FROM ${printAt(expr.right, IS + 1)}`, IS, IS + 1)
    case 'in':
      return step(expr.arg, ` ${not(expr.negated)}IN (${list(expr.list)})`, LIKE, LIKE + 1)
    case 'in-query':
      return step(expr.arg, ` ${not(expr.negated)}IN (${printQuery(expr.query)})`, LIKE, LIKE + 1)
    case 'between': {
      const word = `${not(expr.negated)}BETWEEN ${expr.symmetric ? 'SYMMETRIC ' : ''}`
      return step(expr.arg, ` ${word}${printRestricted(expr.low)} AND ${printAt(expr.high, LIKE + 1)}`, LIKE, LIKE + 1)
    }
    case 'like': {
      const escapedBy = expr.escape === undefined ? '' : ` ESCAPE ${printAt(expr.escape, LIKE + 1)}`
      const behind = ` ${not(expr.negated)}${expr.op.toUpperCase()} ${printAt(expr.pattern, LIKE + 1)}${escapedBy}`
      return step(expr.arg, behind, LIKE, LIKE + 1)
    }
    case 'collate':
      return step(expr.arg, ` COLLATE ${printNames(expr.collation)}`, COLLATE, COLLATE)
    case 'cast':
      if (isIntervalLiteral(expr)) return undefined
      return step(expr.arg, `::${printType(expr.type)}`, CAST, CAST)
    case 'subscript':
      return step(expr.arg, `[${printExpression(expr.index)}]`, INDIRECTION, INDIRECTION)
    case 'slice': {
      const bound = (part: Expr | undefined): string => (part === undefined ? '' : printExpression(part))
      return step(expr.arg, `[${bound(expr.lower)} : ${bound(expr.upper)}]`, INDIRECTION, INDIRECTION)
    }
    case 'field':
    case 'expand':
      // `a.b` would be a column of a table.
      if (expr.arg.kind === 'column') return undefined
      return step(expr.arg, expr.kind === 'field' ? `.${printName(expr.name)}` : '.*', INDIRECTION, INDIRECTION)
    default:
      return undefined
  }
}

function step(
  left: Expr,
  behind: string,
  level: number,
  floor: number,
): { left: Expr; behind: string; level: number; floor: number } {
  return { left, behind, level, floor }
}

/** Where the parser takes a b_expr. */
export function printRestricted(expr: Expr): string {
  return printAt(expr, SIGN)
}

function isIntervalLiteral(expr: Expr): boolean {
  if (expr.kind !== 'cast' || expr.arg.kind !== 'string' || expr.type.kind !== 'named') return false
  const { name, fields } = expr.type
  return name.length === 1 && name[0] === 'interval' && (fields !== undefined || expr.type.modifiers.length === 0)
}

function printBase(expr: Expr): { text: string; level: number } {
  const base = (text: string, level: number): { text: string; level: number } => ({ text, level })
  switch (expr.kind) {
    case 'or':
      return base(expr.args.map(arg => printAt(arg, OR + 1)).join(' OR '), OR)
    case 'and':
      return base(expr.args.map(arg => printAt(arg, AND + 1)).join(' AND '), AND)
    case 'not':
      return base(`NOT ${printAt(expr.arg, NOT)}`, NOT)
    case 'unary': {
      const sign = expr.schema.length === 0 && (expr.op === '+' || expr.op === '-')
      const arg = printAt(expr.arg, sign ? SIGN : OPERATOR + 1)
      return base(`${printOperator(expr.op, expr.schema)} ${arg}`, sign ? SIGN : OPERATOR)
    }
    case 'column':
      return base(printNames(expr.name), INDIRECTION)
    case 'parameter':
      return base(`$${expr.index}`, INDIRECTION)
    case 'scalar-query':
      return base(`(${printQuery(expr.query)})`, INDIRECTION)
    case 'field':
      return base(`(${printExpression(expr.arg)}).${printName(expr.name)}`, INDIRECTION)
    case 'expand':
      return base(`(${printExpression(expr.arg)}).*`, INDIRECTION)
    default:
      // Nothing else may have `[i]` or `.f` behind it without parentheses.
      return base(printPrimary(expr), INDIRECTION - 1)
  }
}

function printPrimary(expr: Expr): string {
  switch (expr.kind) {
    case 'null':
      return 'NULL'
    case 'boolean':
      return expr.value ? 'TRUE' : 'FALSE'
    case 'number':
      return expr.text
    case 'string':
      return printString(expr.value)
    case 'bit-string':
      return `${expr.base}${printString(expr.digits)}`
    case 'star':
      return expr.qualifier.length === 0 ? '*' : `${printNames(expr.qualifier)}.*`
    case 'exists':
      return `EXISTS (${printQuery(expr.query)})`
    case 'array-query':
      return `ARRAY(${printQuery(expr.query)})`
    case 'array':
      return `ARRAY${printElements(expr)}`
    case 'row':
      return `ROW(${list(expr.fields)})`
    case 'case': {
      const branches = expr.branches.map(
        ({ when, then }) => ` WHEN ${printExpression(when)} THEN ${printExpression(then)}`,
      )
      const operand = expr.operand === undefined ? '' : ` ${printExpression(expr.operand)}`
      const otherwise = expr.otherwise === undefined ? '' : ` ELSE ${printExpression(expr.otherwise)}`
      return `CASE${operand}${branches.join('')}${otherwise} END`
    }
    case 'cast':
      return `${'INTERVAL'} ${printPrimary(expr.arg)}${printType(expr.type).slice('interval'.length)}`
    case 'call':
      return printCall(expr)
    case 'named-argument':
      return `${printName(expr.name)} => ${printExpression(expr.arg)}`
    case 'default':
      return 'DEFAULT'
    case 'current-of':
      return `CURRENT OF ${printName(expr.cursor)}`
    default:
      return printAt(expr, PRIMARY)
  }
}

/** Inner brackets are arrays in arrays, when the first is one: then all are. */
function printElements(expr: Expr): string {
  if (expr.kind !== 'array') return printExpression(expr)
  const nested = expr.elements.length > 0 && expr.elements.every(element => element.kind === 'array')
  return `[${nested ? expr.elements.map(printElements).join(', ') : list(expr.elements)}]`
}

/** `CAST(x AS t)`, where the short form may not stand. */
export function printTableCall(expr: Expr): string {
  return expr.kind === 'cast' ? `CAST(${printExpression(expr.arg)} AS ${printType(expr.type)})` : printExpression(expr)
}

const valueFunctions =
  /^(current_(date|time|timestamp|role|user|catalog|schema)|localtime|localtimestamp|session_user|system_user|user)$/
const keywordCalls = /^(coalesce|greatest|least|grouping|substring|overlay)$/

function printCall(expr: Call): string {
  const [word] = expr.name
  if (expr.name.length === 1 && isPlain(expr)) {
    const { args } = expr
    if (valueFunctions.test(word) && args.length === 0) return word.toUpperCase()
    if (/time|timestamp$/.test(word) && valueFunctions.test(word) && args.length === 1 && isInteger(args[0]))
      return `${word.toUpperCase()}(${list(args)})`
    if (keywordCalls.test(word) && args.length > 0) return `${word}(${list(args)})`
    if (word === 'nullif' && args.length === 2) return `nullif(${list(args)})`
    if (word === 'extract' && args.length === 2 && args[0].kind === 'string')
      return `EXTRACT(${/^[a-z]+$/.test(args[0].value) ? args[0].value : printString(args[0].value)} FROM ${printExpression(args[1])})`
    if (word === 'position' && args.length === 2)
      return `POSITION(${printRestricted(args[1])} IN ${printRestricted(args[0])})`
  }
  const name = expr.name.length > 1 ? printNames(expr.name) : printFunctionName(word)
  const distinct = expr.distinct ? 'DISTINCT ' : ''
  const args = expr.args.map(
    (arg, i) => (expr.variadic && i === expr.args.length - 1 ? 'VARIADIC ' : '') + printExpression(arg),
  )
  const order = printOrderBy(expr.orderBy)
  const inside = expr.star ? '*' : `${distinct}${args.join(', ')}${expr.withinGroup ? '' : order}`
  const within = expr.withinGroup ? ` WITHIN GROUP (${order.trim()})` : ''
  const filter = expr.filter === undefined ? '' : ` FILTER (WHERE ${printExpression(expr.filter)})`
  const nulls = expr.nulls === undefined ? '' : ` ${expr.nulls.toUpperCase()} NULLS`
  return `${name}(${inside})${within}${filter}${nulls}${printOver(expr.over)}`
}

function printFunctionName(word: string): string {
  return keywords.get(word) === 'function' && isFunctionName(word) && word !== 'collation' && word !== 'current_schema'
    ? word
    : printName(word)
}

function isPlain(expr: Call): boolean {
  const bare = !expr.star && !expr.distinct && !expr.variadic && !expr.withinGroup && expr.orderBy.length === 0
  const named = expr.args.some(arg => arg.kind === 'named-argument')
  return bare && !named && expr.filter === undefined && expr.nulls === undefined && expr.over === undefined
}

function isInteger(expr: Expr): boolean {
  return expr.kind === 'number' && /^[0-9]+$/.test(expr.text)
}

function printOver(over: Call['over']): string {
  if (over === undefined) return ''
  return ` OVER ${typeof over === 'string' ? printName(over) : printWindowSpec(over)}`
}

/** `(base PARTITION BY … ORDER BY … frame)`. */
export function printWindowSpec(spec: WindowSpec): string {
  const parts: string[] = []
  if (spec.base !== undefined) parts.push(printName(spec.base))
  if (spec.partitionBy.length > 0) parts.push(`PARTITION BY ${list(spec.partitionBy)}`)
  if (spec.orderBy.length > 0) parts.push(printOrderBy(spec.orderBy).trim())
  if (spec.frame !== undefined) parts.push(printFrame(spec.frame))
  return `(${parts.join(' ')})`
}

function printFrame({ unit, start, end, exclude }: Frame): string {
  const bounds = `${unit.toUpperCase()} BETWEEN ${printBound(start)} AND ${printBound(end)}`
  return exclude === undefined ? bounds : `${bounds} EXCLUDE ${exclude.toUpperCase()}`
}

function printBound(bound: FrameBound): string {
  switch (bound.kind) {
    case 'preceding':
    case 'following':
      return `${printExpression(bound.offset)} ${bound.kind.toUpperCase()}`
    case 'unbounded preceding':
    case 'unbounded following':
    case 'current row':
      return bound.kind.toUpperCase()
    default:
      return unreachable(bound)
  }
}

/** ` ORDER BY …`, or nothing. */
export function printOrderBy(items: readonly OrderItem[]): string {
  if (items.length === 0) return ''
  const printed = items.map(({ expr, descending, nulls, using }) => {
    const direction = using !== undefined ? ` USING ${using}` : descending ? ' DESC' : ''
    return `${printExpression(expr)}${direction}${nulls === undefined ? '' : ` NULLS ${nulls.toUpperCase()}`}`
  })
  return ` ORDER BY ${printed.join(', ')}`
}

function printOperator(op: string, schema: Name): string {
  return schema.length === 0 ? op : `OPERATOR(${printNames(schema)}.${op})`
}

function not(negated: boolean): string {
  return negated ? 'NOT ' : ''
}

function list(exprs: readonly Expr[]): string {
  return exprs.map(printExpression).join(', ')
}
