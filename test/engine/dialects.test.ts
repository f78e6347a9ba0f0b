import { expect, test } from 'vitest'
import { TestEngine } from '../support/engine.ts'

test('functions that users of Flink SQL and ksqlDB type', async () => {
  const engine = new TestEngine()
  const one = async (expr: string): Promise<string | null> => (await engine.query(`SELECT ${expr}`))[0][0]
  const a = `TIMESTAMP '2026-01-31 10:00:00'`
  const b = `TIMESTAMP '2026-03-01 09:59:30'`
  expect(await one(`TIMESTAMPDIFF(MINUTE, ${a}, ${a} + INTERVAL '90 seconds')`)).toBe('1')
  expect(await one(`TIMESTAMPDIFF(DAY, ${b}, ${a})`)).toBe('-28')
  expect(await one(`TIMESTAMPDIFF(MONTH, ${a}, ${b})`)).toBe('1')
  expect(await one(`TIMESTAMPADD(QUARTER, 1, ${a})`)).toBe('2026-04-30 10:00:00')
  expect(await one(`TIMESTAMPADD(HOUR, -2, ${a})`)).toBe('2026-01-31 08:00:00')
  expect(await one(`DATE_FORMAT(${a}, 'yyyy-MM-dd HH:mm')`)).toBe('2026-01-31 10:00')
  expect(await one(`TIMESTAMPTOSTRING(1767225600000, 'yyyy-MM-dd')`)).toBe('2026-01-01')
  expect(await one(`YEAR(${a}) * 100 + MONTH(${a})`)).toBe('202601')
  expect(await one(`DAYOFWEEK(DATE '2026-02-01')`)).toBe('1')
  expect(await one(`FLOOR(${a} TO MONTH)`)).toBe('2026-01-01 00:00:00')
  expect(await one(`CEIL(${a} TO MONTH)`)).toBe('2026-02-01 00:00:00')
  expect(await one(`CEIL(${a} TO HOUR)`)).toBe('2026-01-31 10:00:00')
  expect(await one('FLOOR(1.5) + CEIL(1.5)')).toBe('3')
  expect(await one(`LEN('abc') + INSTR('abc', 'c')`)).toBe('6')
  expect(await one(`UCASE('a') || LCASE('B') || IFNULL(NULL, 'c') || AS_VALUE('d')`)).toBe('Abcd')
  expect(await one(`IF(1 > 2, 'x', 'y')`)).toBe('y')
  expect(await one(`JSON_VALUE('{"a":{"b c":[1,"two"]}}', '$.a["b c"][1]')`)).toBe('two')
  expect(await one(`EXTRACTJSONFIELD('{"a":{"b":1}}', '$.a')`)).toBe('{"b": 1}')
  expect(await one(`JSON_VALUE('{"a":1}', '$.x')`)).toBe(null)
  expect(await engine.errorOf(`SELECT TIMESTAMPDIFF(fortnight, ${a}, ${b})`)).toMatch(/^22023 22 /)
  expect(await engine.errorOf(`SELECT JSON_VALUE('{}', 'a..b')`)).toMatch(/^22023 25 /)
  expect(await engine.errorOf('SELECT TOPK(1, 2)')).toMatch(/^0A000 8 /)
})

test('aggregates that users of ksqlDB type, and its names of window bounds', async () => {
  const engine = new TestEngine()
  await engine.query(`CREATE STREAM s (d VARCHAR, v INT, ts TIMESTAMP, WATERMARK FOR ts AS ts) WITH (kafka_topic = 's', value_format = 'JSON');
    INSERT INTO s VALUES ('a', 2, '2026-01-01 00:00:01'), ('a', 1, '2026-01-01 00:00:09'), ('a', 2, '2026-01-01 00:00:05'), ('b', NULL, '2026-01-01 00:00:07')`)
  expect(
    await engine.query(`SELECT d, LATEST_BY_OFFSET(v), EARLIEST_BY_OFFSET(v), LAST(v), COLLECT_LIST(v), COUNT_DISTINCT(v), COLLECT_SET(v),
        COUNT_DISTINCT(v) FILTER (WHERE v > 1), WINDOWSTART, WINDOWEND FROM s WINDOW TUMBLING (SIZE 10 SECONDS) WHERE d = 'a' GROUP BY d`),
  ).toEqual([
    [
      'a',
      '2',
      '2',
      '1',
      '{2,1,2}',
      '2',
      expect.stringMatching(/^\{(1,2|2,1)\}$/),
      '1',
      '2026-01-01 00:00:00',
      '2026-01-01 00:00:10',
    ],
  ])
})

test('slices of arrays', async () => {
  const engine = new TestEngine()
  const slices = ['[2:3]', '[:2]', '[3:]', '[:]', '[0:1]', '[3:2]', '[5:9]', '[-3:0]', '[NULL:2]']
  const rows = await engine.query(`SELECT ${slices.map(s => `(ARRAY[1, 2, 3, 4])${s}`).join(', ')}`)
  // As Postgres answers.
  expect(rows).toEqual([['{2,3}', '{1,2}', '{3,4}', '{1,2,3,4}', '{1}', '{}', '{}', '{}', null]])
})

test('= ANY of an array column', async () => {
  const engine = new TestEngine()
  await engine.query(`CREATE SOURCE s (n bigint, list integer[]);
    INSERT INTO s VALUES (1, '{1,2}'), (2, '{1,NULL}'), (3, '{1,2}'), (NULL, '{1}'), (5, '{}'), (NULL, '{}'), (7, NULL)`)
  expect(await engine.query('SELECT n = ANY (list), n <> ALL (list) FROM s')).toEqual(
    [
      ['true', 'false'],
      [null, null],
      ['false', 'true'],
      [null, null],
      ['false', 'true'],
      ['false', 'true'],
      [null, null],
    ].map(row => row.map(v => v?.[0] ?? null)),
  )
})

test('a table of ksqlDB is a materialized view', async () => {
  const engine = new TestEngine()
  await engine.query(`CREATE STREAM readings (room VARCHAR KEY, v DOUBLE) WITH (kafka_topic = 'readings', value_format = 'JSON');
    CREATE STREAM plain (room VARCHAR, v DOUBLE) WITH (kafka_topic = 'plain', value_format = 'JSON');
    CREATE TABLE maxima WITH (kafka_topic = 'maxima', value_format = 'JSON') AS SELECT room, MAX(v) AS m FROM plain GROUP BY room EMIT CHANGES;
    CREATE TABLE counts AS SELECT count(*) AS n FROM plain;
    INSERT INTO plain VALUES ('a', 1), ('a', 3), ('b', 2)`)
  expect(engine.notices).toEqual(['"maxima" is kept as a materialized view', '"counts" is kept as a materialized view'])
  expect(await engine.until('SELECT room, m FROM maxima ORDER BY room', rows => rows[0]?.[1] === '3')).toEqual([
    ['a', '3'],
    ['b', '2'],
  ])
  await engine.close()
  expect(await engine.until('SELECT n FROM counts', rows => rows[0]?.[0] === '3')).toEqual([['3']])
  await engine.query('DROP TABLE maxima')
  expect(await engine.errorOf('CREATE TABLE copy AS SELECT room, v FROM plain')).toMatch(/^0A000 1 CREATE TABLE AS/)
  await engine.query('CREATE MATERIALIZED VIEW mv AS SELECT count(*) FROM plain')
  expect(await engine.errorOf('DROP TABLE mv')).toMatch(/^42809 /)
})
