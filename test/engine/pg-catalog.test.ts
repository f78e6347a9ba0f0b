import { afterAll, describe, expect, test } from 'vitest'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { BIGINT, DOUBLE, TEXT, TIMESTAMPTZ } from '../../src/batch/types.ts'
import { createPgCatalog } from '../../src/engine/pg-catalog/catalog.ts'
import type { CatalogObject } from '../../src/engine/pg-catalog/objects.ts'
import { isCatalogQuery, splitStatements } from '../../src/engine/pg-catalog/question.ts'
import { catalogCacheDir } from '../pgwire/support.ts'

describe('isCatalogQuery', () => {
  test.each([
    'select * from pg_catalog.pg_class',
    'SELECT c.relname FROM pg_class c, pg_namespace n WHERE n.oid = c.relnamespace',
    'select table_name from information_schema.tables',
    "select 'mv'::regclass",
    "SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relname OPERATOR(pg_catalog.~) '^(mv)$' COLLATE pg_catalog.default",
    'with k as (select oid from pg_type) select * from k',
    'select pg_get_userbyid(10), x from (select 1 as x) t',
    'select * from pg_class where extract(year from now()) > 1 and oid in (select attrelid from pg_attribute)',
    'SELECT * FROM (pg_class c JOIN pg_namespace n ON c.relnamespace = n.oid)',
    'select a.attname from pg_attribute a cross join lateral unnest(array[1]) u(x)',
    'select current_schemas(true)',
    'table pg_class',
    'select * from (values (1), (2)) x(a) join pg_class on true right join lateral (select 1) y on true',
    '/* tool */ select "relname" from "pg_catalog"."pg_class"',
  ])('%s', sql => expect(isCatalogQuery(sql)).toBe(true))

  test.each([
    'select 1',
    'select * from mv',
    "select * from mv where name = 'pg_class'",
    'select pg_typeof(x) from mv',
    'select * from mv join pg_class on true',
    'select * from pg_class, mv',
    'create table pg_x (a int)',
    'insert into t select * from pg_class',
    'select count(*) from public.pg_like_things',
    'select x as pg_x from mv',
    'table pg_class union table mv',
    '',
  ])('not: %s', sql => expect(isCatalogQuery(sql)).toBe(false))
})

test('splitStatements cuts outside of strings, names and comments', () => {
  const script = "select ';' ; /* ; */ select \";\" -- ;\n; ; select $a$;$a$, e'\\';', 'C:\\';"
  const pieces = splitStatements(script)
  expect(pieces.map(p => p.sql)).toEqual(["select ';'", '/* ; */ select ";" -- ;', "select $a$;$a$, e'\\';', 'C:\\'"])
  for (const { sql, offset } of pieces) expect(script.slice(offset, offset + sql.length)).toBe(sql)
})

describe('the catalog', () => {
  const catalog = createPgCatalog({ clock: systemClock, log: silentLogger, cacheDir: catalogCacheDir })
  afterAll(() => catalog.close())

  const sensors: CatalogObject = {
    schema: 'public',
    name: 'sensors',
    kind: 'source',
    columns: [
      { name: 'device_id', type: TEXT },
      { name: 'ts', type: TIMESTAMPTZ },
      { name: 'value', type: DOUBLE },
    ],
    primaryKey: ['device_id'],
    comment: "it's a topic",
  }
  const averages: CatalogObject = {
    schema: 'public',
    name: 'Averages',
    kind: 'materialized view',
    columns: [
      { name: 'device_id', type: TEXT },
      { name: 'n', type: BIGINT },
      { name: 'm', type: { kind: 'map', key: TEXT, value: DOUBLE } },
    ],
    primaryKey: ['device_id'],
  }
  const classes =
    "select relname, relkind, oid from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'm', 'v') order by 1"

  test('mirrors relations; what is unchanged keeps its identifier', async () => {
    catalog.sync([sensors, averages])
    const first = await catalog.query(classes)
    expect(first.rows.map(r => r.slice(0, 2))).toEqual([
      ['Averages', 'm'],
      ['sensors', 'r'],
    ])
    catalog.sync([sensors, { ...averages, columns: averages.columns.slice(0, 2) }])
    const second = await catalog.query(classes)
    expect(second.rows[1]).toEqual(first.rows[1])
    expect(second.rows[0][2]).not.toBe(first.rows[0][2])
    catalog.sync([sensors])
    expect((await catalog.query(classes)).rows).toEqual([first.rows[1]])
  })

  test('describes and takes parameters', async () => {
    const sql =
      'select a.attname, a.attnum, format_type(a.atttypid, a.atttypmod) from pg_attribute a where a.attrelid = $1 and attnum > $2'
    const { parameterTypes, schema } = await catalog.describe(sql)
    expect(parameterTypes).toEqual([BIGINT, { kind: 'smallint' }])
    expect(schema?.fields.map(f => f.name)).toEqual(['attname', 'attnum', 'format_type'])
    const oid = (await catalog.query("select 'sensors'::regclass::oid")).rows[0][0]
    expect((await catalog.query(sql, { parameters: [oid, 1], parameterTypes })).rows).toEqual([
      ['ts', 2, 'timestamp with time zone'],
      ['value', 3, 'double precision'],
    ])
  })

  test('errors come with state and position', async () => {
    await expect(catalog.query('select nosuch from pg_class')).rejects.toMatchObject({ sqlState: '42703', position: 8 })
  })

  test('a relation that Postgres refuses does not hide the others', async () => {
    catalog.sync([{ ...sensors, columns: [sensors.columns[0], sensors.columns[0]] }, averages])
    expect((await catalog.query(classes)).rows.map(r => r[0])).toEqual(['Averages'])
  })

  test('ends when nobody asks for a while', async () => {
    const ends: (() => void)[] = []
    const clock: Clock = { ...systemClock, sleep: () => new Promise(resolve => ends.push(resolve)) }
    const idle = createPgCatalog({ clock, log: silentLogger, cacheDir: catalogCacheDir })
    expect(idle.running).toBe(false)
    await idle.query('select 1 from pg_class limit 1')
    await idle.query('select 1 from pg_class limit 1')
    ends[0]() // the wait of the first query: another came after it
    await new Promise(setImmediate)
    expect(idle.running).toBe(true)
    ends[1]()
    await new Promise(setImmediate)
    expect(idle.running).toBe(false)
  })

  test('starts again after its end', async () => {
    await catalog.close()
    expect((await catalog.query(classes)).rows.map(r => r[0])).toEqual(['Averages'])
    expect((await catalog.query('select version() from pg_class limit 1')).rows[0][0]).toMatch(/^PostgreSQL 15\.0/)
    const version = "select setting from pg_settings where name = 'server_version_num'"
    expect((await catalog.query(version)).rows).toEqual([['150000']])
    expect((await catalog.query('select current_database(), current_user')).rows).toEqual([['tidemark', 'tidemark']])
  })
})
