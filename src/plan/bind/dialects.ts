import type * as ast from '../../../grammar/ast.ts'
import { parseExpression } from '../../../grammar/parse.ts'
import { EngineError, notSupported } from '../../base/errors.ts'
import { parsePath } from '../../base/json-path.ts'

/** Functions of Flink SQL, ksqlDB and others in Postgres' terms, by name and number of arguments; $1 … are these. */
const MEANINGS: Readonly<Record<string, string>> = {
  'len/1': 'length($1)',
  'as_value/1': '$1',
  'if/3': 'CASE WHEN $1 THEN $2 ELSE $3 END',
  'count_distinct/1': 'count(DISTINCT $1)',
  // Exact: the name promises no less.
  'approx_count_distinct/1': 'count(DISTINCT $1)',
  'collect_set/1': 'array_agg(DISTINCT $1)',
  // FLOOR(ts TO unit), CEIL(ts TO unit).
  'floor_to/2': 'date_trunc($1, $2)',
  'ceil_to/2': "CASE WHEN date_trunc($1, $2) = $2 THEN $2 ELSE date_trunc($1, $2) + ('1 ' || $1)::interval END",
  'year/1': 'extract(year FROM $1)::integer',
  'quarter/1': 'extract(quarter FROM $1)::integer',
  'month/1': 'extract(month FROM $1)::integer',
  'week/1': 'extract(week FROM $1)::integer',
  'dayofyear/1': 'extract(doy FROM $1)::integer',
  'dayofmonth/1': 'extract(day FROM $1)::integer',
  // Sunday is 1.
  'dayofweek/1': 'extract(dow FROM $1)::integer + 1',
  'hour/1': 'extract(hour FROM $1)::integer',
  'minute/1': 'extract(minute FROM $1)::integer',
  'second/1': 'trunc(extract(second FROM $1))::integer',
  'timestamptostring/2': 'date_format(to_timestamp($1 / 1000.0::float8), $2)',
  'timestamptostring/3': 'date_format(timezone($3, to_timestamp($1 / 1000.0::float8)), $2)',
}

const SECONDS: Readonly<Record<string, number>> = { second: 1, minute: 60, hour: 3600, day: 86_400, week: 604_800 }
const MONTHS: Readonly<Record<string, number>> = { month: 1, quarter: 3, year: 12 }
const UNITS = [...Object.keys(SECONDS), ...Object.keys(MONTHS)]

/** The same call in Postgres' terms, for functions that only other engines have. Undefined: it is none. */
export function translated(node: ast.Call, name: string): ast.Expr | undefined {
  const meaning = meaningOf(node, name)
  if (meaning === undefined) return undefined
  const expr = substitute(parseExpression(meaning), node) as ast.Expr // of the same kind, with arguments in the place of parameters
  return expr.kind === 'call' && node.filter ? { ...expr, filter: node.filter } : expr
}

function meaningOf(node: ast.Call, name: string): string | undefined {
  const { args } = node
  switch (name) {
    case 'timestampdiff':
      return args.length === 3 ? difference(unitOf(args[0])) : undefined
    case 'timestampadd': {
      if (args.length !== 3) return undefined
      const unit = unitOf(args[0])
      return `$3 + $2 * INTERVAL '${MONTHS[unit] ?? 1} ${unit in MONTHS ? 'month' : unit}'`
    }
    case 'json_value':
    case 'extractjsonfield':
    case 'get_json_object':
      return args.length === 2 ? `($1)::jsonb #>> ${pathOf(args[1])}` : undefined
    case 'topk':
    case 'topkdistinct':
      throw notSupported(name.toUpperCase(), node.at + 1)
    default: {
      const key = `${name}/${args.length}`
      return Object.hasOwn(MEANINGS, key) ? MEANINGS[key] : undefined
    }
  }
}

/** Whole units from $2 to $3. */
function difference(unit: string): string {
  if (unit in SECONDS) return `trunc(extract(epoch FROM ($3 - $2)) / ${SECONDS[unit]})::bigint`
  return `trunc((extract(year FROM age($3, $2)) * 12 + extract(month FROM age($3, $2))) / ${MONTHS[unit]})::bigint`
}

/** A unit stands where others have expressions: MINUTE, or 'minute'. */
function unitOf(node: ast.Expr): string {
  const word = node.kind === 'column' ? node.name.join('.') : node.kind === 'string' ? node.value : ''
  const unit = word.toLowerCase().replace(/s$/, '')
  if (UNITS.includes(unit)) return unit
  throw new EngineError('22023', 'a unit of time is needed here', { position: node.at + 1, hint: UNITS.join(', ') })
}

function pathOf(node: ast.Expr): string {
  if (node.kind !== 'string') throw notSupported('a JSON path that is not a constant', node.at + 1)
  try {
    return `ARRAY[${parsePath(node.value).map(step => `'${String(step).replaceAll("'", "''")}'`)}]::text[]`
  } catch (error) {
    throw error instanceof EngineError ? error.at(node.at + 1) : error
  }
}

/** Puts a call's arguments for the parameters, and its place for those of the text that means it. */
function substitute(part: unknown, node: ast.Call): unknown {
  if (Array.isArray(part)) return part.map(each => substitute(each, node))
  if (typeof part !== 'object' || part === null) return part
  if ('kind' in part && part.kind === 'parameter' && 'index' in part) return node.args[Number(part.index) - 1]
  return Object.fromEntries(
    Object.entries(part).map(([key, value]) => [key, key === 'at' ? node.at : substitute(value, node)]),
  )
}
