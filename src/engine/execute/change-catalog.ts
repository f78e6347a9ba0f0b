import type { AlterJob, Drop, Statement as StatementNode } from '../../../grammar/statements.ts'
import { EngineError, notSupported } from '../../base/errors.ts'
import { endlessSides } from '../../plan/join-times.ts'
import type { ClientSession } from '../client-session.ts'
import { defineObject, targetName } from '../definitions.ts'
import { type CatalogObject, jobOf, qualifiedName } from '../objects.ts'
import type { Statement } from '../session.ts'
import { dropOutside } from './outside-topics.ts'
import { command, type Plan } from './plan-statement.ts'

type Create = Extract<StatementNode, { readonly kind: `create-${string}` }>

const TAGS: Readonly<Record<Create['kind'], (ast: Create) => string>> = {
  'create-connection': () => 'CREATE CONNECTION',
  'create-relation': ast => `CREATE ${'relation' in ast ? ast.relation.toUpperCase() : ''}`,
  'create-as': ast => `CREATE ${'relation' in ast ? ast.relation.toUpperCase() : ''}`,
  'create-view': ast => ('materialized' in ast && ast.materialized ? 'CREATE MATERIALIZED VIEW' : 'CREATE VIEW'),
  'create-sink': () => 'CREATE SINK',
}

/** CREATE …: defines, starts the job if it has one, stores. The statement answers when the job runs. */
export function planCreate(ast: Create, statement: Statement, session: ClientSession): Plan {
  const { engine } = session
  return command(() =>
    engine.change(async () => {
      const { schemaName, shortName } = targetName(ast.name, ast.at)
      const name = `${schemaName}.${shortName}`
      const existing = engine.catalog.objects.get(name)
      if (existing && ast.ifNotExists) {
        session.notice(`relation "${shortName}" already exists, skipping`)
        return TAGS[ast.kind](ast)
      }
      if (existing && !ast.orReplace) throw alreadyExists(existing, ast.at)
      const object = await defineObject(ast, session.context(statement), engine)
      if (!object) throw notSupported(ast.kind, ast.at + 1)
      if (existing) await engine.drop(name, false)
      await engine.create(object)
      if (ast.kind === 'create-as' && object.kind === 'materialized view') {
        session.notice(
          `"${shortName}" is kept as a materialized view`,
          'NOTICE',
          `No topic is written; CREATE SINK … FROM ${shortName} writes one.`,
        )
      }
      const job = jobOf(object)
      const endless = job ? endlessSides(job.definition.plan) : []
      if (endless.length > 0) {
        const hint =
          "Rows go when both sides have event time and ON bounds it: a.ts BETWEEN b.ts - INTERVAL '1 minute' AND b.ts."
        session.notice(`a join keeps rows of ${endless.join(' and ')} for ever`, 'NOTICE', hint)
      }
      return TAGS[ast.kind](ast)
    }),
  )
}

/** What a CREATE without OR REPLACE or IF NOT EXISTS meets. */
export function alreadyExists({ shortName, kind }: CatalogObject, at: number): EngineError {
  return new EngineError('42P07', `"${shortName}" already exists`, {
    position: at + 1,
    hint: `it is a ${kind}; CREATE OR REPLACE replaces it, CREATE … IF NOT EXISTS leaves it, DROP removes it`,
  })
}

export function planDrop(ast: Drop, session: ClientSession): Plan {
  const { engine } = session
  const tag = `DROP ${ast.object.toUpperCase()}`
  return command(() =>
    engine.change(async () => {
      for (const { name, at } of ast.names) {
        if (ast.object === 'topic') {
          await dropTopic(name, at, ast.ifExists, session)
          continue
        }
        const object = engine.catalog.find(name, session.options.searchPath)
        if (!object && ast.ifExists) {
          session.notice(`"${name.join('.')}" does not exist, skipping`)
          continue
        }
        const found = object ?? engine.catalog.get(name, session.options.searchPath, at)
        if (!fits(ast.object, found)) {
          throw new EngineError('42809', `"${found.shortName}" is not a ${ast.object}`, {
            position: at + 1,
            hint: `use DROP ${found.kind.toUpperCase()} to remove it`,
          })
        }
        const dropped = await engine.drop(qualifiedName(found), ast.cascade)
        for (const other of dropped.slice(0, -1)) session.notice(`drop cascades to ${other}`)
      }
      return tag
    }),
  )
}

async function dropTopic(
  name: readonly string[],
  at: number,
  ifExists: boolean,
  session: ClientSession,
): Promise<void> {
  const { engine } = session
  try {
    if (!(await dropOutside(name, at, engine))) await engine.log.dropTopic(name.join('.'))
  } catch (error) {
    if (!ifExists || !(error instanceof EngineError && error.sqlState === '42P01')) throw error
    session.notice(`topic "${name.join('.')}" does not exist, skipping`)
  }
}

function fits(word: string, object: { kind: string; flavour?: string; sql: string }): boolean {
  if (word === 'job') return ['sink', 'materialized view'].includes(object.kind)
  if (object.kind === 'source') return ['source', 'stream', 'table'].includes(word)
  // A materialized view may have been made as one of ksqlDB's tables.
  if (word === 'table' && object.kind === 'materialized view')
    return /^\s*create\s+(or\s+replace\s+)?table\b/i.test(object.sql)
  return word === object.kind
}

/** ALTER JOB … PAUSE | RESUME. RESUME of a failed job starts it again at once. */
export function planAlterJob(ast: AlterJob, session: ClientSession): Plan {
  const { engine } = session
  return command(() =>
    engine.change(async () => {
      const object = engine.catalog.get(ast.name, session.options.searchPath, ast.at)
      const names = await engine.setPaused(object, ast.action === 'pause')
      const others = names.filter(n => n !== qualifiedName(object))
      if (others.length > 0) session.notice(`together with ${others.join(', ')}, which share its dataflow`)
      return 'ALTER JOB'
    }),
  )
}
