import { batchOfRows } from '../../batch/batch.ts'
import type { Datum } from '../../batch/types.ts'
import type { ClientSession } from '../client-session.ts'
import type { CatalogObject } from '../pg-catalog/objects.ts'
import { isCatalogQuery } from '../pg-catalog/question.ts'
import type { Result, Statement } from '../session.ts'
import { batchesOf } from '../stream.ts'
import { systemRelations } from '../system.ts'
import type { ParameterTypes, Plan } from './plan-statement.ts'

/** Queries of pg_catalog and information_schema, which tools send: answered by a real Postgres catalog that mirrors ours. Undefined: it is none. */
export async function planCatalogQuery(
  statement: Statement,
  types: ParameterTypes,
  session: ClientSession,
): Promise<Plan | undefined> {
  if (!isCatalogQuery(statement.sql)) return undefined
  const { pgCatalog } = session.engine
  const searchPath = session.options.searchPath.join(', ')
  pgCatalog.sync(mirrored(session))
  const described = await pgCatalog.describe(statement.sql, { declaredTypes: types, searchPath })
  const { parameterTypes } = described
  const run = async (parameters: readonly Datum[]): Promise<Result> => {
    const { schema, rows } = await pgCatalog.query(statement.sql, {
      parameters,
      parameterTypes,
      declaredTypes: types,
      searchPath,
    })
    return { kind: 'rows', tag: 'SELECT', schema, batches: batchesOf(batchOfRows(schema, rows)) }
  }
  return { parameterTypes, schema: described.schema ?? { fields: [] }, run }
}

function mirrored({ engine }: ClientSession): CatalogObject[] {
  const objects: CatalogObject[] = systemRelations.map(({ name, schema }) => ({
    schema: 'tidemark',
    name: name.slice('tidemark.'.length),
    kind: 'view',
    columns: schema.fields,
  }))
  for (const object of engine.catalog.objects.values()) {
    if (object.kind === 'connection' || object.kind === 'sink') continue
    const { schemaName, shortName, kind, schema } = object
    const key =
      object.kind === 'materialized view'
        ? object.uniqueKey
        : object.kind === 'source'
          ? object.spec.upsertKey
          : undefined
    const primaryKey = key?.map(c => schema.fields[c].name)
    objects.push({ schema: schemaName, name: shortName, kind, columns: schema.fields, primaryKey })
  }
  return objects
}
