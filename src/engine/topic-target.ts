import { parseScript } from '../../grammar/parse.ts'
import type { Insert } from '../../grammar/statements.ts'
import { EngineError } from '../base/errors.ts'
import { type Field, TEXT } from '../batch/types.ts'
import { bindQuery } from '../plan/bind/query.ts'
import type { WriteTarget } from './define-insert.ts'
import { defineSource } from './define-source.ts'
import { column, typeNode } from './discover.ts'
import type { Engine, StatementContext } from './engine.ts'

/**
 * INSERT INTO connection."tenant/namespace".topic: a topic without DDL, whose records get the columns that the statement gives. They do
 * not depend on what is in the topic, so that the job of an INSERT … SELECT means the same after a restart. Undefined where the table
 * is no such name.
 */
export function topicTarget(
  ast: Insert,
  { searchPath, timeZone }: Pick<StatementContext, 'searchPath' | 'timeZone'>,
  engine: Engine,
): WriteTarget | undefined {
  const [schema, ...rest] = ast.table
  if (rest.length === 0 || engine.catalog.find(ast.table, searchPath)) return undefined
  const connection = engine.catalog.find([schema], ['public'])
  if (connection?.kind !== 'connection' || !ast.query) return undefined
  const topic = rest.join('.')
  const fields = fieldsOf(ast, { searchPath, timeZone }, engine)
  const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`
  const [{ ast: statement }] = parseScript(
    `CREATE SOURCE topic WITH (connection = ${literal(schema)}, topic = ${literal(topic)})`,
  )
  if (statement?.kind !== 'create-relation')
    throw new EngineError('XX000', 'the statement of a topic without DDL did not parse')
  const columns = fields.map(({ name, type }) => column(name, typeNode(type, ast.at), ast.at))
  const { spec, needs } = defineSource({ ...statement, columns }, `${schema}.${topic}`, engine, timeZone)
  const source = {
    ...({ kind: 'source', flavour: 'source', schemaName: schema, shortName: topic } as const),
    // It is not in the catalog: the statement that writes it is.
    ...{ sql: '', searchPath, timeZone, dependsOn: needs, schema: { fields }, spec },
  }
  return { source, columns: { fields } }
}

/** As the statement names them, else as its query does. */
function fieldsOf(
  { query, columns, at, with: ctes }: Insert,
  context: Pick<StatementContext, 'searchPath' | 'timeZone'>,
  engine: Engine,
): Field[] {
  if (!query) return []
  const whole = ctes ? { ...query, with: ctes } : query
  const options = { ...context, parameterTypes: [], mode: 'read' } as const
  const { fields } = bindQuery(whole, engine.catalog.view(), options).plan.schema
  if (query.body.kind === 'values' && columns.length === 0) {
    throw new EngineError('42601', 'a topic without DDL does not tell the names of the columns', {
      position: at + 1,
      hint: 'name them: INSERT INTO … (device_id, temperature) VALUES …',
    })
  }
  if (columns.length > fields.length)
    throw new EngineError('42601', 'INSERT has more target columns than expressions', {
      position: columns[fields.length].at + 1,
    })
  return fields.flatMap(({ name, type }, i) => {
    const named = columns.length === 0 ? name : columns[i]?.name
    return named === undefined ? [] : [{ name: named, type: type.kind === 'unknown' ? TEXT : type }]
  })
}
