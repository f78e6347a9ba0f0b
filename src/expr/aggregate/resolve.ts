import { EngineError } from '../../base/errors.ts'
import { BIGINT, BOOLEAN, type DataType, DOUBLE, INTERVAL, NUMERIC, TEXT, typeName } from '../../batch/types.ts'

/** An aggregate chosen for argument types: `argTypes` are what the arguments must be cast to. */
export interface ResolvedAggregate {
  readonly id: string
  readonly argTypes: readonly DataType[]
  readonly type: DataType
}

type Resolution = Omit<ResolvedAggregate, 'id'> | undefined

interface Signature {
  readonly id: string
  readonly names: readonly string[]
  /** For error messages: what it is to be called with. */
  readonly takes: string
  /** Undefined: does not take these. */
  readonly resolve: (args: readonly DataType[]) => Resolution
}

const NUMBER = 'one number'
const ORDERED = 'one value that has an order'
const BY_ORDER = 'a value, and optionally what to order by'

/** WITHIN GROUP (ORDER BY x) is the last argument here. */
const SIGNATURES: readonly Signature[] = [
  {
    id: 'count',
    names: ['count'],
    takes: '* or one value',
    resolve: args => (args.length > 1 ? undefined : { argTypes: args.map(known), type: BIGINT }),
  },
  { id: 'sum', names: ['sum'], takes: NUMBER, resolve: args => unary(args, sumOf) },
  { id: 'avg', names: ['avg'], takes: NUMBER, resolve: args => unary(args, averageOf) },
  { id: 'min', names: ['min'], takes: ORDERED, resolve: args => unary(args, extremeOf) },
  { id: 'max', names: ['max'], takes: ORDERED, resolve: args => unary(args, extremeOf) },
  { id: 'stddev_samp', names: ['stddev_samp', 'stddev'], takes: NUMBER, resolve: args => unary(args, momentOf) },
  { id: 'stddev_pop', names: ['stddev_pop'], takes: NUMBER, resolve: args => unary(args, momentOf) },
  { id: 'var_samp', names: ['var_samp', 'variance'], takes: NUMBER, resolve: args => unary(args, momentOf) },
  { id: 'var_pop', names: ['var_pop'], takes: NUMBER, resolve: args => unary(args, momentOf) },
  { id: 'bool_and', names: ['bool_and', 'every'], takes: 'one boolean', resolve: args => unary(args, booleanOf) },
  { id: 'bool_or', names: ['bool_or'], takes: 'one boolean', resolve: args => unary(args, booleanOf) },
  {
    id: 'first',
    names: ['first', 'first_value', 'earliest_by_offset', 'any_value'],
    takes: BY_ORDER,
    resolve: valueBy,
  },
  { id: 'last', names: ['last', 'last_value', 'latest_by_offset'], takes: BY_ORDER, resolve: valueBy },
  {
    id: 'arg_min',
    names: ['arg_min', 'min_by'],
    takes: 'a value and what to order by',
    resolve: args => (args.length === 2 ? valueBy(args) : undefined),
  },
  {
    id: 'arg_max',
    names: ['arg_max', 'max_by'],
    takes: 'a value and what to order by',
    resolve: args => (args.length === 2 ? valueBy(args) : undefined),
  },
  { id: 'string_agg', names: ['string_agg'], takes: 'a text and a separator', resolve: joinedText },
  {
    id: 'array_agg',
    names: ['array_agg', 'collect_list'],
    takes: 'one value',
    resolve: args => unary(args, arg => ({ arg: known(arg), type: { kind: 'array', element: known(arg) } })),
  },
  {
    id: 'percentile_cont',
    names: ['percentile_cont'],
    takes: 'a fraction, and WITHIN GROUP (ORDER BY a number)',
    resolve: args => percentile(args, continuous),
  },
  {
    id: 'percentile_disc',
    names: ['percentile_disc'],
    takes: 'a fraction, and WITHIN GROUP (ORDER BY a value)',
    resolve: args => percentile(args, known),
  },
  {
    id: 'median',
    names: ['median'],
    takes: NUMBER,
    resolve: args =>
      unary(args, arg => {
        const type = continuous(arg)
        return type && { arg: type, type }
      }),
  },
  { id: 'mode', names: ['mode'], takes: 'WITHIN GROUP (ORDER BY a value)', resolve: args => unary(args, extremeOf) },
]

const byName = new Map(
  SIGNATURES.flatMap(signature => signature.names.map((name): [string, Signature] => [name, signature])),
)

/** Whether the name, in lower case, is an aggregate's. */
export function isAggregate(name: string): boolean {
  return byName.has(name)
}

/** All names, for hints. */
export function aggregateNames(): Iterable<string> {
  return byName.keys()
}

/**
 * Whether a call with one argument means "by event time": the binder then adds the time column, where the input has one, as the second.
 * ksqlDB's names say by offset, which is the order of arrival.
 */
export function wantsEventTime(name: string): boolean {
  const id = byName.get(name)?.id
  return (id === 'first' || id === 'last') && name !== 'any_value' && !name.endsWith('_by_offset')
}

/**
 * The aggregate `name` (lower case) for arguments of these types, WITHIN GROUP's behind the direct ones. Undefined when no aggregate has
 * that name; throws 42883 when one has it but does not take the types.
 */
export function resolveAggregate(name: string, argTypes: readonly DataType[]): ResolvedAggregate | undefined {
  const signature = byName.get(name)
  if (!signature) return undefined
  const resolved = signature.resolve(argTypes)
  if (resolved) return { id: signature.id, ...resolved }
  throw new EngineError('42883', `function ${name}(${argTypes.map(typeName).join(', ')}) does not exist`, {
    hint: `${name} takes ${signature.takes}; a cast may help`,
  })
}

type Unary = { readonly arg: DataType; readonly type: DataType } | undefined

function unary(args: readonly DataType[], result: (type: DataType) => Unary): Resolution {
  if (args.length !== 1) return undefined
  const found = result(args[0])
  return found && { argTypes: [found.arg], type: found.type }
}

/** An untyped literal is a text, as where Postgres has nothing better. */
function known(type: DataType): DataType {
  return type.kind === 'unknown' ? TEXT : type
}

function sumOf(arg: DataType): Unary {
  switch (arg.kind) {
    case 'smallint':
    case 'integer':
      return { arg, type: BIGINT }
    case 'bigint':
      return { arg, type: NUMERIC }
    case 'numeric':
      return { arg, type: NUMERIC }
    case 'real':
    case 'double':
    case 'interval':
      return { arg, type: arg }
    case 'unknown':
      return { arg: DOUBLE, type: DOUBLE }
    default:
      return undefined
  }
}

function averageOf(arg: DataType): Unary {
  const sum = sumOf(arg)
  if (!sum) return undefined
  if (arg.kind === 'real') return { arg, type: DOUBLE }
  return { arg: sum.arg, type: sum.type.kind === 'bigint' ? NUMERIC : sum.type }
}

function momentOf(arg: DataType): Unary {
  return arg.kind === 'interval' ? undefined : averageOf(arg)
}

function extremeOf(arg: DataType): Unary {
  if (arg.kind === 'map' || arg.kind === 'jsonb' || arg.kind === 'boolean') return undefined
  if (arg.kind === 'unknown' || arg.kind === 'varchar') return { arg: TEXT, type: TEXT }
  return { arg, type: arg }
}

function booleanOf(arg: DataType): Unary {
  return arg.kind === 'boolean' || arg.kind === 'unknown' ? { arg: BOOLEAN, type: BOOLEAN } : undefined
}

function valueBy(args: readonly DataType[]): Resolution {
  if (args.length !== 1 && args.length !== 2) return undefined
  return { argTypes: args.map(known), type: known(args[0]) }
}

function joinedText(args: readonly DataType[]): Resolution {
  const isText = (type: DataType): boolean => ['text', 'varchar', 'unknown'].includes(type.kind)
  return args.length === 2 && args.every(isText) ? { argTypes: [TEXT, TEXT], type: TEXT } : undefined
}

/** An array of fractions gives an array of results. */
function percentile(args: readonly DataType[], valueType: (type: DataType) => DataType | undefined): Resolution {
  if (args.length !== 2) return undefined
  const [fraction, value] = args
  const type = valueType(value)
  if (!type) return undefined
  if (fraction.kind !== 'array')
    return continuous(fraction)?.kind === 'double' ? { argTypes: [DOUBLE, type], type } : undefined
  return { argTypes: [{ kind: 'array', element: DOUBLE }, type], type: { kind: 'array', element: type } }
}

function continuous(type: DataType): DataType | undefined {
  switch (type.kind) {
    case 'smallint':
    case 'integer':
    case 'bigint':
    case 'numeric':
    case 'real':
    case 'double':
    case 'unknown':
      return DOUBLE
    case 'interval':
      return INTERVAL
    default:
      return undefined
  }
}
