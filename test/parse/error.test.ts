import { describe, expect, test } from 'vitest'
import { parseScript } from '../../grammar/parse.ts'
import { print } from '../../grammar/print.ts'
import { EngineError } from '../../src/base/errors.ts'

function failure(sql: string): EngineError {
  try {
    parseScript(sql)
  } catch (error) {
    if (error instanceof EngineError) return error
    throw error
  }
  throw new Error(`accepted: ${sql.slice(0, 80)}`)
}

describe('a syntax error names the token, the place, what was expected and the nearest word', () => {
  test.each([
    ['selct 1', 1, 'syntax error at or near "selct", expected a statement', 'Perhaps you meant SELECT.'],
    [
      'select a frm t',
      14,
      'syntax error at or near "t", expected the end of the statement',
      'Perhaps you meant FROM instead of "frm".',
    ],
    ['select * from', 14, 'syntax error at end of input, expected a table', undefined],
    ['select 1 +', 11, 'syntax error at end of input, expected an expression', undefined],
    ['select (1', 10, 'syntax error at end of input, expected ")"', undefined],
    ['create tabl x (a int)', 8, 'syntax error at or near "tabl", expected SOURCE', 'Perhaps you meant TABLE.'],
    ["select 'abc", 8, 'unterminated quoted string', undefined],
    ['select 1; select 2 3', 20, 'syntax error at or near "3"', undefined],
    ['select * from t group x', 23, 'expected BY', undefined],
    ["select '😀' from", 17, 'at end of input', undefined],
    ['drop materialized views v', 6, 'expected SOURCE', undefined],
    ['select a < b < c', 14, 'parentheses: comparisons do not chain', undefined],
    ['create table t (a int, order int)', 24, 'expected a column', undefined],
    ['subscribe v with (snapshot', 27, 'end of input', undefined],
  ])('%s', (sql, position, message, hint) => {
    const error = failure(sql)
    expect(error.sqlState).toBe('42601')
    expect(error.position).toBe(position)
    expect(error.message).toContain(message)
    if (hint !== undefined) expect(error.hint).toBe(hint)
  })
})

describe('depth', () => {
  const count = 100_000
  test.each([
    ['parentheses', `select ${'('.repeat(count)}1${')'.repeat(count)}`],
    ['open parentheses', `select ${'('.repeat(count)}`],
    ['a query in parentheses', `${'('.repeat(count)}select 1`],
    ['NOT', `select ${'not '.repeat(count)}a`],
    ['signs', `select ${'- '.repeat(count)}a`],
    ['CASE', `select ${'case when '.repeat(count)}a`],
    ['calls', `select ${'f('.repeat(count)}a`],
    ['brackets', `select array${'['.repeat(count)}a`],
    ['subqueries', `select * from ${'(select * from '.repeat(count)}a`],
    ['windows', `select * from ${'tumble('.repeat(count)}a`],
    ['joins without ON', `select * from a${' join b'.repeat(count)}`],
    ['types', `select a::${'array<'.repeat(count)}int`],
    ['EXPLAIN', `${'explain '.repeat(count)}select 1`],
    ['WITH', `${'with a as ('.repeat(count)}select 1`],
    ['grouping sets', `select a group by ${'grouping sets ('.repeat(count)}a`],
    ['IN', `select ${'a in (('.repeat(count)}a`],
  ])('%s nested too deep is 54001', (_what, sql) => {
    expect(failure(sql).sqlState).toBe('54001')
  })

  test.each([
    ['AND', `select 1${' and 1'.repeat(count)}`],
    ['OR', `select 1${' or 1'.repeat(count)}`],
    ['||', `select 1${' || 1'.repeat(count)}`],
    ['UNION', `select 1${' union select 1'.repeat(count)}`],
    ['::', `select a${'::int'.repeat(count)}`],
    ['subscripts', `select a${'[1]'.repeat(count)}`],
    ['joins', `select * from a${' cross join b'.repeat(count)}`],
    ['rows', `values (1)${', (1)'.repeat(count)}`],
  ])('a long chain of %s is parsed and printed', (_what, sql) => {
    const [{ ast }] = parseScript(sql)
    expect(print(ast).length).toBeGreaterThan(count * 3)
  })
})
