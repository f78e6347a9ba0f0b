import { parseScript } from '../../grammar/parse.ts'
import type { Query } from '../../grammar/query.ts'
import type { CreateRelation, CreateView, Statement } from '../../grammar/statements.ts'
import { EngineError } from '../../src/base/errors.ts'
import { typeName } from '../../src/batch/types.ts'
import { bindColumns, bindWatermark } from '../../src/plan/bind/ddl.ts'
import { type BoundQuery, bindQuery } from '../../src/plan/bind/query.ts'
import type { CatalogView, Relation } from '../../src/plan/catalog.ts'
import { explain } from '../../src/plan/explain.ts'
import { optimize } from '../../src/plan/optimize.ts'

/** A catalog in memory, filled by CREATE statements as the engine would. */
export class Definitions implements CatalogView<Query> {
  #relations = new Map<string, Relation<Query>>()

  resolve(parts: readonly string[], searchPath: readonly string[]): Relation<Query> | undefined {
    if (parts.length > 1) return this.#relations.get(parts.join('.'))
    return searchPath.map(schema => this.#relations.get(`${schema}.${parts[0]}`)).find(r => r !== undefined)
  }

  *names(): Iterable<string> {
    for (const name of this.#relations.keys()) yield name.replace(/^public\./, '')
  }

  /** Runs a script: what EXPLAIN says of each query and view in it, and the errors. */
  run(sql: string): string[] {
    return parseScript(sql).flatMap(({ ast, sql: text, offset }) => {
      const shown = text.split('\n').map(line => `> ${line}`)
      try {
        const lines = this.statement(ast)
        return lines.length === 0 ? [] : [...shown, ...lines, '']
      } catch (error) {
        if (!(error instanceof EngineError)) throw error
        return [...shown, ...describeError(error, text, offset), '']
      }
    })
  }

  bind(query: Query, mode: 'read' | 'standing'): BoundQuery {
    return bindQuery(query, this, { searchPath: ['public'], parameterTypes: [], mode, nowMicros: 0, timeZone: 'UTC' })
  }

  private statement(ast: Statement): string[] {
    if (ast.kind === 'create-relation') this.createRelation(ast)
    else if (ast.kind === 'create-view') return this.createView(ast)
    else if (ast.kind === 'query') return show(this.bind(ast, ast.emit ? 'standing' : 'read'))
    else throw new Error(`the harness knows no ${ast.kind}`)
    return []
  }

  private createRelation(ast: CreateRelation): void {
    const schema = bindColumns(ast.columns)
    const name = `public.${ast.name[0]}`
    const [clause] = ast.watermarks
    const key = ast.primaryKey.map(column => schema.fields.findIndex(f => f.name === column))
    this.#relations.set(name, {
      name,
      kind: ast.relation === 'table' ? 'table' : 'source',
      schema,
      watermark: clause && bindWatermark(clause, schema),
      changing: ast.relation === 'table',
      uniqueKey: key.length > 0 ? key : undefined,
    })
  }

  private createView(ast: CreateView): string[] {
    const name = `public.${ast.name[0]}`
    if (!ast.materialized) {
      this.#relations.set(name, { name, kind: 'query', query: ast.query, columns: ast.columns })
      return []
    }
    const bound = this.bind(ast.query, 'standing')
    const { eventTime, changing, uniqueKey, plan } = bound
    this.#relations.set(name, { name, kind: 'view', schema: plan.schema, eventTime, changing, uniqueKey })
    return show(bound)
  }
}

function show(bound: BoundQuery): string[] {
  const { fields } = bound.plan.schema
  const optimized = optimize(bound.plan)
  if (JSON.stringify(optimized.schema) !== JSON.stringify(bound.plan.schema))
    throw new Error('the rules changed the schema')
  const key = bound.uniqueKey?.map(c => fields[c].name).join(', ')
  const parameters = bound.parameterTypes.map(typeName).join(', ')
  const time = bound.eventTime.map(t => `${fields[t.column].name} (${t.kind})`).join(', ')
  return [
    `(${fields.map(f => `${f.name} ${typeName(f.type)}`).join(', ')})`,
    ...(key === undefined ? [] : [`unique: ${key === '' ? 'one row' : key}`]),
    ...(time === '' ? [] : [`event time: ${time}`]),
    ...(bound.changing ? ['changing'] : []),
    ...(parameters === '' ? [] : [`parameters: ${parameters}`]),
    ...explain(optimized),
  ]
}

function describeError(error: EngineError, text: string, offset: number): string[] {
  const lines = [`ERROR ${error.sqlState}: ${error.message}`]
  const { position } = error
  if (position !== undefined) {
    const at = position - 1 - offset
    lines.push(`at ${JSON.stringify(text.slice(at, at + 12))}`)
  }
  if (error.detail) lines.push(`DETAIL: ${error.detail}`)
  if (error.hint) lines.push(`HINT: ${error.hint}`)
  return lines
}
