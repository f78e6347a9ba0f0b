import { type DataType, type Field, typeName } from '../../batch/types.ts'

/** A relation of the engine as catalog queries see it. */
export interface CatalogObject {
  /** `public`, `tidemark`, or the name of a connection. */
  readonly schema: string
  readonly name: string
  /** A source is shown as a table, a sink not at all: there is nothing to select from it. */
  readonly kind: 'table' | 'source' | 'view' | 'materialized view'
  readonly columns: readonly Field[]
  /** Names of the key columns; none when there is no key. */
  readonly primaryKey?: readonly string[]
  readonly comment?: string
}

/** What makes an object and what takes it away, in Postgres' SQL. */
export interface ObjectDdl {
  readonly create: string
  readonly drop: string
}

/** An empty relation of the same name, kind and columns. */
export function ddlOf(object: CatalogObject): ObjectDdl {
  const name = `${quote(object.schema)}.${quote(object.name)}`
  const keyword = object.kind === 'source' || object.kind === 'table' ? 'TABLE' : object.kind.toUpperCase()
  const comment = object.comment === undefined ? [] : [`COMMENT ON ${keyword} ${name} IS ${literal(object.comment)}`]
  return {
    create: [createRelation(object, name, keyword), ...keyOf(object, name), ...comment].join(';\n'),
    drop: `DROP ${keyword} IF EXISTS ${name} CASCADE`,
  }
}

function createRelation(object: CatalogObject, name: string, keyword: string): string {
  if (keyword === 'TABLE') {
    const columns = object.columns.map(c => `${quote(c.name)} ${mirroredType(c.type)}`)
    return `CREATE TABLE ${name} (${columns.join(', ')})`
  }
  const columns = object.columns.map(c => `NULL::${mirroredType(c.type)} AS ${quote(c.name)}`)
  const populated = object.kind === 'materialized view' ? ' WITH NO DATA' : ''
  return `CREATE ${keyword} ${name} AS SELECT ${columns.join(', ')}${populated}`
}

/** A materialized view cannot have a primary key in Postgres; a unique index tells drivers as much. */
function keyOf(object: CatalogObject, name: string): string[] {
  const { primaryKey } = object
  if (!primaryKey || primaryKey.length === 0) return []
  const columns = primaryKey.map(quote).join(', ')
  if (object.kind === 'materialized view') return [`CREATE UNIQUE INDEX ON ${name} (${columns})`]
  return object.kind === 'view' ? [] : [`ALTER TABLE ${name} ADD PRIMARY KEY (${columns})`]
}

/** Rows and maps, which Postgres would need a type of their own for, are shown as the jsonb that clients get them as. */
function mirroredType(type: DataType): string {
  if (type.kind === 'row' || type.kind === 'map') return 'jsonb'
  if (type.kind === 'unknown') return 'text'
  if (type.kind === 'array') return `${mirroredType(type.element)}[]`
  return typeName(type)
}

export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
