import { EngineError } from '../base/errors.ts'
import type { DataType, SimpleKind } from '../batch/types.ts'

const NAMES: Readonly<Record<string, SimpleKind | 'numeric' | 'varchar'>> = {
  boolean: 'boolean',
  bool: 'boolean',
  tinyint: 'smallint',
  smallint: 'smallint',
  int2: 'smallint',
  integer: 'integer',
  int: 'integer',
  int4: 'integer',
  bigint: 'bigint',
  int8: 'bigint',
  real: 'real',
  float4: 'real',
  'double precision': 'double',
  double: 'double',
  float8: 'double',
  float: 'double',
  numeric: 'numeric',
  decimal: 'numeric',
  dec: 'numeric',
  text: 'text',
  string: 'text',
  name: 'text',
  varchar: 'varchar',
  'character varying': 'varchar',
  char: 'varchar',
  character: 'varchar',
  bpchar: 'varchar',
  bytea: 'bytea',
  bytes: 'bytea',
  varbinary: 'bytea',
  date: 'date',
  time: 'time',
  'time without time zone': 'time',
  timestamp: 'timestamp',
  datetime: 'timestamp',
  'timestamp without time zone': 'timestamp',
  timestamptz: 'timestamptz',
  timestamp_ltz: 'timestamptz',
  'timestamp with time zone': 'timestamptz',
  'timestamp with local time zone': 'timestamptz',
  interval: 'interval',
  uuid: 'uuid',
  json: 'jsonb',
  jsonb: 'jsonb',
}

/**
 * The type that a name and its parenthesised numbers mean: Postgres' names and aliases, and those of Flink and ksqlDB that
 * say the same (`string`, `double`, `bytes`, `timestamp_ltz`). `name` in lower case, words separated by one blank; a
 * trailing `[]` makes an array. Undefined: no such type. Throws 22023 for impossible modifiers.
 */
export function typeByName(name: string, mods: readonly number[] = []): DataType | undefined {
  if (name.endsWith('[]')) {
    const element = typeByName(name.slice(0, -2).trimEnd(), mods)
    return element && { kind: 'array', element }
  }
  const kind = Object.hasOwn(NAMES, name) ? NAMES[name] : undefined
  if (kind === undefined) return undefined
  if (kind === 'numeric') return numericType(mods)
  if (kind === 'varchar') {
    const length = mods[0]
    if (length === undefined) return { kind: 'varchar' }
    if (length < 1) throw new EngineError('22023', `length for type ${name} must be at least 1`)
    return { kind: 'varchar', length }
  }
  if (name === 'float' && mods.length > 0) return { kind: mods[0] <= 24 ? 'real' : 'double' }
  return { kind }
}

function numericType(mods: readonly number[]): DataType {
  if (mods.length === 0) return { kind: 'numeric' }
  const [precision, scale = 0] = mods
  if (precision < 1 || precision > 1000) {
    throw new EngineError('22023', `NUMERIC precision ${precision} must be between 1 and 1000`)
  }
  if (scale < 0 || scale > precision) {
    throw new EngineError('22023', `NUMERIC scale ${scale} must be between 0 and precision ${precision}`)
  }
  return { kind: 'numeric', precision, scale }
}
