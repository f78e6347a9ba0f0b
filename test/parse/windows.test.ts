import { describe, expect, test } from 'vitest'
import { parseScript } from '../../grammar/parse.ts'
import type { Select, TableRef } from '../../grammar/query.ts'

function select(sql: string): Select {
  const [{ ast }] = parseScript(sql)
  if (ast.kind !== 'query' || ast.body.kind !== 'select') throw new Error('not a SELECT')
  return ast.body
}

const interval = (value: string, fields?: string): unknown => ({
  kind: 'cast',
  arg: { kind: 'string', value },
  type: { kind: 'named', name: ['interval'], modifiers: [], ...(fields === undefined ? {} : { fields }) },
})
const table: Partial<TableRef> = { kind: 'table', name: ['t'] }
const ts = { kind: 'column', name: ['ts'] }

describe('windows of all spellings are one node', () => {
  test.each([
    ["tumble(t, ts, interval '5 minutes')", { function: 'tumble', time: ts, size: interval('5 minutes') }],
    [
      "hop(t, ts, interval '1' minute, interval '5' minute)",
      { function: 'hop', time: ts, slide: interval('1', 'minute'), size: interval('5', 'minute') },
    ],
    [
      "table(cumulate(table t, descriptor(ts), '1 hour', '1 day'))",
      { function: 'cumulate', time: ts, slide: { value: '1 hour' }, size: { value: '1 day' } },
    ],
    [
      "session(t partition by a, b, ts, '30 s')",
      { function: 'session', time: ts, gap: { value: '30 s' }, partitionBy: [{ name: ['a'] }, { name: ['b'] }] },
    ],
    [
      "table(session(table t partition by (a, b), descriptor(ts), '30 s'))",
      { function: 'session', time: ts, gap: { value: '30 s' }, partitionBy: [{ name: ['a'] }, { name: ['b'] }] },
    ],
    ["table(tumble(size => '1 s', timecol => descriptor(ts), data => table t))", undefined],
    [
      "table(tumble(data => table t, size => '1 s', timecol => descriptor(ts)))",
      { function: 'tumble', time: ts, size: { value: '1 s' } },
    ],
    [
      't window hopping (size 5 minutes, advance by 30 seconds)',
      { function: 'hop', size: interval('5 minutes'), slide: interval('30 seconds') },
    ],
    ['t window session (60 seconds)', { function: 'session', gap: interval('60 seconds'), partitionBy: [] }],
  ])('FROM %s', (from, expected) => {
    if (expected === undefined) return expect(() => select(`select 1 from ${from}`)).toThrow('syntax error')
    expect(select(`select 1 from ${from}`).from).toMatchObject([{ kind: 'window', input: table, ...expected }])
  })

  test('a window that groups by itself adds its bounds to the keys, once', () => {
    const keys = (sql: string): unknown =>
      select(sql).groupBy?.items.map(item => item.kind === 'expr' && item.expr.kind === 'column' && item.expr.name)
    expect(keys("select 1 from t group by d, window(ts, '5 minutes')")).toEqual([
      ['d'],
      ['window_start'],
      ['window_end'],
    ])
    expect(keys('select 1 from t window tumbling (size 1 day) group by d')).toEqual([
      ['window_start'],
      ['window_end'],
      ['d'],
    ])
    const sessions = select('select 1 from s.t window session (60 seconds) where v > 1 group by a, b')
    expect(sessions.where).toBeUndefined()
    expect(sessions.from).toMatchObject([
      {
        function: 'session',
        partitionBy: [{ name: ['a'] }, { name: ['b'] }],
        input: { kind: 'subquery', alias: { name: 't' }, query: { body: { from: [{ name: ['s', 't'] }] } } },
      },
    ])
    expect(keys('select 1 from t window tumbling (size 1 day) group by d, window_start')).toEqual([
      ['window_end'],
      ['d'],
      ['window_start'],
    ])
  })
})
