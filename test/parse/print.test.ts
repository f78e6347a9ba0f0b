import { describe, expect, test } from 'vitest'
import { parseScript } from '../../grammar/parse.ts'
import { print } from '../../grammar/print.ts'
import { EngineError } from '../../src/base/errors.ts'
import { expressions, own, statements } from './corpus.ts'
import { bare } from './tree.ts'

function parsed(sql: string): ReturnType<typeof parseScript> {
  try {
    return parseScript(sql)
  } catch (error) {
    if (error instanceof EngineError) return []
    throw error
  }
}

describe('printing and parsing again gives the same tree', () => {
  test.each(own)('%s', sql => {
    const [{ ast }] = parseScript(sql)
    expect(bare(parseScript(print(ast))[0].ast)).toEqual(bare(ast))
  })

  test('for everything in the shared corpus that parses', () => {
    let count = 0
    for (const sql of [...statements, ...expressions.map(text => `select ${text}`)]) {
      for (const { ast } of parsed(sql)) {
        expect(bare(parseScript(print(ast))[0].ast), sql).toEqual(bare(ast))
        count++
      }
    }
    expect(count).toBeGreaterThan(400)
  })
})

describe('one tree for all spellings', () => {
  const same = [
    [
      "select * from tumble(t, ts, interval '5' minute)",
      "select * from table(tumble(table t, descriptor(ts), interval '5' minutes))",
    ],
    ['select x::int', 'select cast(x as integer)'],
    ["select timestamptz '2026-01-01'", "select '2026-01-01'::timestamp with time zone"],
    ["select trim(both 'x' from a)", "select btrim(a, 'x')"],
    ["select a at time zone 'UTC'", "select timezone('UTC', a)"],
    ['select * from a emit final', 'select * from a emit on window close'],
    ['select a::string, b::timestamp_ltz(3)', 'select a::text, b::timestamp(3) with time zone'],
    ['select a fetch first 5 rows only', 'select a limit 5'],
    ['create stream s as select 1', 'CREATE STREAM "s" AS SELECT 1'],
    [
      'select count(*) from s window tumbling (size 5 minutes) group by device',
      "select count(*) from tumble(s, size => interval '5 minutes') group by window_start, window_end, device",
    ],
    [
      "select count(*) from s group by device, window(ts, '5 minutes')",
      "select count(*) from tumble(s, ts, '5 minutes') group by device, window_start, window_end",
    ],
  ]
  test.each(same)('%s', (a, b) => {
    expect(bare(parseScript(a)[0].ast)).toEqual(bare(parseScript(b)[0].ast))
  })
})
