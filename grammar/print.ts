import { unreachable } from '../src/base/assert.ts'
import type { Fetch, SetParameter } from './commands.ts'
import { printExpression } from './print/expression.ts'
import { printModify } from './print/modify.ts'
import { printName, printNames, printString, printType, quoted } from './print/names.ts'
import { printColumns, printQuery } from './print/query.ts'
import type { Alter, ColumnDef, CreateRelation, Option, Statement } from './statements.ts'

export { printExpression, printQuery, printType }

/** A statement as SQL, without a semicolon. Parsing it gives the statement back, up to positions. */
export function print(statement: Statement): string {
  switch (statement.kind) {
    case 'query':
      return printQuery(statement)
    case 'insert':
    case 'update':
    case 'delete':
      return printModify(statement)
    case 'create-connection':
      return `${create(statement, 'CONNECTION')} TYPE ${quoted(statement.type)}${withOptions(statement.options)}`
    case 'create-relation':
      return printRelation(statement)
    case 'create-as': {
      const kind = `${statement.temporary ? 'TEMPORARY ' : ''}${statement.relation.toUpperCase()}`
      const data = statement.withData ? '' : ' WITH NO DATA'
      const head = `${create(statement, kind)}${printColumns(statement.columns)}${withOptions(statement.options)}`
      return `${head} AS ${printQuery(statement.query)}${data}`
    }
    case 'create-view': {
      const kind = `${statement.temporary ? 'TEMPORARY ' : ''}${statement.materialized ? 'MATERIALIZED VIEW' : 'VIEW'}`
      const head = `${create(statement, kind)}${printColumns(statement.columns)}${withOptions(statement.options)}`
      return `${head} AS ${printQuery(statement.query)}`
    }
    case 'create-sink': {
      const { from } = statement
      const input = 'kind' in from ? `AS ${printQuery(from)}` : `FROM ${printNames(from)}`
      return `${create(statement, 'SINK')} ${input}${withOptions(statement.options)}`
    }
    case 'show': {
      const { what, object, name, from, like } = statement
      if (what === 'setting') return `SHOW ${printNames(name)}`
      const target =
        what === 'create'
          ? ` ${(object ?? '').toUpperCase()} ${printNames(name)}`
          : what === 'columns'
            ? ` FROM ${printNames(name)}`
            : ''
      const schema = from.length > 0 ? ` FROM ${printNames(from)}` : ''
      return `SHOW ${what.toUpperCase()}${target}${schema}${like === undefined ? '' : ` LIKE ${printString(like)}`}`
    }
    case 'describe':
      return `DESCRIBE ${statement.extended ? 'EXTENDED ' : ''}${statement.name.map(quoted).join('.')}`
    case 'explain': {
      const { analyze, verbose, options } = statement
      const flag = (name: string): Option => ({ name, value: 'true', at: 0 })
      const all = [...(analyze ? [flag('analyze')] : []), ...(verbose ? [flag('verbose')] : []), ...options]
      const flags = `${analyze ? ' ANALYZE' : ''}${verbose ? ' VERBOSE' : ''}`
      return `EXPLAIN${options.length > 0 ? ` ${optionList(all)}` : flags} ${print(statement.statement)}`
    }
    case 'alter-job':
      return `ALTER JOB ${printNames(statement.name)} ${statement.action.toUpperCase()}`
    case 'alter': {
      const exists = statement.ifExists ? 'IF EXISTS ' : ''
      return `ALTER ${statement.object.toUpperCase()} ${exists}${printNames(statement.name)} ${printAction(statement.action)}`
    }
    case 'drop': {
      const names = statement.names.map(({ name }) => printNames(name)).join(', ')
      const exists = statement.ifExists ? 'IF EXISTS ' : ''
      return `DROP ${statement.object.toUpperCase()} ${exists}${names}${statement.cascade ? ' CASCADE' : ''}`
    }
    case 'truncate':
      return `TRUNCATE ${statement.names.map(printNames).join(', ')}${statement.cascade ? ' CASCADE' : ''}`
    case 'subscribe': {
      const from = 'kind' in statement.from ? `(${printQuery(statement.from)})` : printNames(statement.from)
      return `SUBSCRIBE TO ${from}${withOptions(statement.options)}`
    }
    case 'copy-to': {
      const { from } = statement
      const source = 'kind' in from ? `(${print(from)})` : `${printNames(from.table)}${printColumns(from.columns)}`
      return `COPY ${source} TO ${endpoint(statement.file, 'STDOUT')}${withOptions(statement.options)}`
    }
    case 'copy-from': {
      const target = `${printNames(statement.table)}${printColumns(statement.columns)}`
      const where = statement.where === undefined ? '' : ` WHERE ${printExpression(statement.where)}`
      return `COPY ${target} FROM ${endpoint(statement.file, 'STDIN')}${withOptions(statement.options)}${where}`
    }
    case 'declare-cursor': {
      const { binary, insensitive, scroll, hold } = statement
      const scrolls = scroll === undefined ? '' : scroll ? ' SCROLL' : ' NO SCROLL'
      const head = `DECLARE ${printName(statement.name)}${binary ? ' BINARY' : ''}${insensitive ? ' INSENSITIVE' : ''}${scrolls}`
      return `${head} CURSOR${hold ? ' WITH HOLD' : ''} FOR ${print(statement.query)}`
    }
    case 'fetch':
      return printFetch(statement)
    case 'close':
      return `CLOSE ${statement.cursor === undefined ? 'ALL' : printName(statement.cursor)}`
    case 'set':
      return printSet(statement)
    case 'reset':
      return `RESET ${statement.name === undefined ? 'ALL' : settingName(statement.name)}`
    case 'transaction': {
      const modes = statement.modes.length > 0 ? ` ${statement.modes.join(', ').toUpperCase()}` : ''
      const { action } = statement
      const quotedName = action === 'prepare' || action.endsWith('prepared')
      const name =
        statement.name === undefined ? '' : ` ${quotedName ? printString(statement.name) : printName(statement.name)}`
      const words = action === 'prepare' ? 'PREPARE TRANSACTION' : action.toUpperCase()
      return `${words}${action.endsWith('to') || action === 'release' ? ' SAVEPOINT' : ''}${name}${modes}${statement.chain ? ' AND CHAIN' : ''}`
    }
    case 'prepare': {
      const types = statement.types.length > 0 ? ` (${statement.types.map(printType).join(', ')})` : ''
      return `PREPARE ${printName(statement.name)}${types} AS ${print(statement.statement)}`
    }
    case 'execute': {
      const args = statement.args.length > 0 ? ` (${statement.args.map(printExpression).join(', ')})` : ''
      return `EXECUTE ${printName(statement.name)}${args}`
    }
    case 'deallocate':
      return `DEALLOCATE ${statement.name === undefined ? 'ALL' : quoted(statement.name)}`
    case 'discard':
      return `DISCARD ${statement.what.toUpperCase()}`
    case 'listen':
    case 'unlisten':
    case 'notify': {
      const payload = statement.payload === undefined ? '' : `, ${printString(statement.payload)}`
      return `${statement.kind.toUpperCase()} ${statement.channel === undefined ? '*' : printName(statement.channel)}${payload}`
    }
    case 'lock': {
      const mode = statement.mode === undefined ? '' : ` IN ${statement.mode.toUpperCase()} MODE`
      return `LOCK TABLE ${statement.tables.map(printNames).join(', ')}${mode}${statement.nowait ? ' NOWAIT' : ''}`
    }
    case 'utility':
      return statement.text
    default:
      return unreachable(statement)
  }
}

function create(
  { orReplace, ifNotExists, name }: { orReplace: boolean; ifNotExists: boolean; name: readonly string[] },
  kind: string,
): string {
  return `CREATE ${orReplace ? 'OR REPLACE ' : ''}${kind} ${ifNotExists ? 'IF NOT EXISTS ' : ''}${printNames(name)}`
}

function withOptions(options: readonly Option[]): string {
  return options.length === 0 ? '' : ` WITH ${optionList(options)}`
}

function optionList(options: readonly Option[]): string {
  return `(${options.map(({ name, value }) => `${quoted(name)} = ${printString(value)}`).join(', ')})`
}

function endpoint(file: string | undefined, standard: string): string {
  return file === undefined ? standard : printString(file)
}

function printRelation(statement: CreateRelation): string {
  const elements = [
    ...statement.columns.map(printColumn),
    ...statement.watermarks.map(({ column, expr }) => `WATERMARK FOR ${printName(column)} AS ${printExpression(expr)}`),
    ...(statement.primaryKey.length > 0 ? [`PRIMARY KEY${printColumns(statement.primaryKey)}`] : []),
    ...statement.constraints.map(({ text }) => text),
  ]
  const includes = statement.includes.map(({ what, header, as }) => {
    const name = header === undefined ? '' : ` ${printString(header)}`
    return ` INCLUDE ${what.toUpperCase()}${name}${as === undefined ? '' : ` AS ${printName(as)}`}`
  })
  const partition =
    statement.partitionBy.length > 0 ? ` PARTITION BY (${statement.partitionBy.map(printExpression).join(', ')})` : ''
  const head = create(statement, `${statement.temporary ? 'TEMPORARY ' : ''}${statement.relation.toUpperCase()}`)
  const body = elements.length > 0 ? ` (${elements.join(', ')})` : ''
  return `${head}${body}${includes.join('')}${partition}${withOptions(statement.options)}`
}

function printColumn(column: ColumnDef): string {
  const { type, path, format, notNull, generated, metadata } = column
  const computed = generated !== undefined && type.kind === 'named' && type.name[0] === 'unknown'
  const parts = [printName(column.name)]
  if (!computed) parts.push(printType(type))
  if (generated !== undefined) parts.push(`AS (${printExpression(generated)})`)
  if (path !== undefined) parts.push(`PATH ${printString(path)}`)
  if (format !== undefined) parts.push(`FORMAT ${printString(format)}`)
  if (metadata?.from === 'key') parts.push('KEY')
  if (metadata?.from === 'headers')
    parts.push(metadata.name === undefined ? 'HEADERS' : `HEADER(${printString(metadata.name)})`)
  if (metadata?.from === 'metadata')
    parts.push(`METADATA${metadata.name === undefined ? '' : ` FROM ${printString(metadata.name)}`}`)
  if (notNull) parts.push('NOT NULL')
  if (column.default !== undefined) parts.push(`DEFAULT (${printExpression(column.default)})`)
  return parts.join(' ')
}

function printAction(action: Alter['action']): string {
  switch (action.kind) {
    case 'rename':
      return `RENAME TO ${printName(action.to)}`
    case 'rename-column':
      return `RENAME COLUMN ${printName(action.column)} TO ${printName(action.to)}`
    case 'set':
      return `SET ${optionList(action.options)}`
    case 'reset':
      return `RESET (${action.names.map(quoted).join(', ')})`
    case 'add-column':
      return `ADD COLUMN ${action.ifNotExists ? 'IF NOT EXISTS ' : ''}${printColumn(action.column)}`
    case 'drop-column':
      return `DROP COLUMN ${action.ifExists ? 'IF EXISTS ' : ''}${printName(action.column)}${action.cascade ? ' CASCADE' : ''}`
    case 'other':
      return action.text
    default:
      return unreachable(action)
  }
}

function printFetch({ move, cursor, direction, count, options }: Fetch): string {
  const how =
    direction === 'forward' && count !== undefined ? `FORWARD ${count}` : `${direction.toUpperCase()} ${count ?? 'ALL'}`
  return `${move ? 'MOVE' : 'FETCH'} ${how} FROM ${printName(cursor)}${withOptions(options)}`
}

function printSet({ scope, name, values }: SetParameter): string {
  if (name === 'transaction')
    return `SET ${scope === 'local' ? 'LOCAL ' : ''}TRANSACTION ${(values ?? []).join(', ').toUpperCase()}`
  if (name === 'session_characteristics')
    return `SET SESSION CHARACTERISTICS AS TRANSACTION ${(values ?? []).join(', ').toUpperCase()}`
  const list = values === undefined ? 'DEFAULT' : values.map(printString).join(', ')
  return `SET ${scope === 'local' ? 'LOCAL ' : ''}${settingName(name)} = ${list}`
}

function settingName(name: string): string {
  return /^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*$/.test(name)
    ? name.split('.').map(printName).join('.')
    : printString(name)
}
