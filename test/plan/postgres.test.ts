import { readFileSync } from 'node:fs'
import { PGlite } from '@electric-sql/pglite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseScript } from '../../grammar/parse.ts'
import { EngineError } from '../../src/base/errors.ts'
import { typeName } from '../../src/batch/types.ts'
import { Definitions } from './harness.ts'

/** Postgres itself as the oracle: names and types of result columns and parameters, or the error and where it points. */

const tables = `CREATE TABLE t (i integer, l bigint, s smallint, d double precision, r real, n numeric(10, 2), b boolean, x text, v varchar(5),
  ts timestamptz, at timestamp, day date, tm time, iv interval, j jsonb, a int[], u uuid, y bytea);`

const catalog = new Definitions()
const script = readFileSync(new URL('postgres.txt', import.meta.url), 'utf8')
const statements = script.split('\n').filter(line => line !== '' && !line.startsWith('--'))
let db: PGlite
const typeNames = new Map<number, string>()

beforeAll(async () => {
  catalog.run(tables)
  db = await PGlite.create()
  await db.exec(tables)
  const { rows } = await db.query<{ oid: number; name: string }>(
    'SELECT oid, format_type(oid, NULL) AS name FROM pg_type',
  )
  for (const { oid, name } of rows) typeNames.set(oid, name)
})

afterAll(() => db.close())

async function postgres(sql: string): Promise<string> {
  try {
    const { resultFields, queryParams } = await db.describeQuery(sql)
    const fields = resultFields.map(f => `${f.name} ${typeNames.get(f.dataTypeID)}`)
    const parameters = queryParams.map(p => typeNames.get(p.dataTypeID))
    return `${fields.join(', ')}${parameters.length > 0 ? ` <- ${parameters.join(', ')}` : ''}`
  } catch (error) {
    const { code, position } = error as { code: string; position?: string } // as PGlite's DatabaseError has them
    return `ERROR ${code} at ${position}`
  }
}

function ours(sql: string): string {
  try {
    const [{ ast }] = parseScript(sql)
    if (ast.kind !== 'query') throw new Error('not a query')
    const { plan, parameterTypes } = catalog.bind(ast, 'read')
    const fields = plan.schema.fields.map(f => `${f.name} ${typeName(f.type).replace(/\(.*\)/, '')}`)
    return `${fields.join(', ')}${parameterTypes.length > 0 ? ` <- ${parameterTypes.map(typeName).join(', ')}` : ''}`
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    return `ERROR ${error.sqlState} at ${error.position}`
  }
}

test('columns, types and errors are those of Postgres', async () => {
  const differences: string[] = []
  for (const sql of statements) {
    const expected = await postgres(sql)
    const got = ours(sql)
    if (got !== expected) differences.push(`${sql}\n  postgres: ${expected}\n  ours:     ${got}`)
  }
  expect(differences.join('\n')).toBe('')
})
