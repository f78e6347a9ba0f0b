import { BOOLEAN, type DataType, type Datum, INTEGER, TEXT, typeName } from '../../batch/types.ts'
import { ANY, define, type Overload } from './overload.ts'

/** What clients ask a Postgres server about itself and about values. */

const TEXT_ARRAY: DataType = { kind: 'array', element: TEXT }

export const systemFunctions: readonly Overload[] = [
  define('version', [], TEXT, () => 'PostgreSQL 15.0 (Tidemark)'),
  define('current_database', [], TEXT, () => 'tidemark'),
  define('current_catalog', [], TEXT, () => 'tidemark'),
  define('current_schema', [], TEXT, () => 'public'),
  define('current_schemas', [BOOLEAN], TEXT_ARRAY, (all: boolean) => (all ? ['pg_catalog', 'public'] : ['public'])),
  ...['current_user', 'session_user', 'user', 'current_role'].map(name => define(name, [], TEXT, () => 'tidemark')),
  define(
    'pg_typeof',
    [ANY],
    TEXT,
    {
      make:
        ([type]) =>
        () =>
          typeName(type),
    },
    { strict: false },
  ),
  define('num_nulls', [ANY], INTEGER, (values: readonly Datum[]) => values.filter(v => v === null).length, {
    strict: false,
    variadic: true,
  }),
  define('num_nonnulls', [ANY], INTEGER, (values: readonly Datum[]) => values.filter(v => v !== null).length, {
    strict: false,
    variadic: true,
  }),
]
