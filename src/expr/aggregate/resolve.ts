import { EngineError } from '../../base/errors.ts'
import { BIGINT, type DataType, DOUBLE, NUMERIC, typeName } from '../../batch/types.ts'

/** An aggregate chosen for argument types: `argTypes` are what the arguments must be cast to. */
export interface ResolvedAggregate {
  readonly id: string
  readonly argTypes: readonly DataType[]
  readonly type: DataType
}

/** Result type for argument types, or undefined when it does not take them. */
interface Signature {
  readonly id: string
  /** For error messages: what it is to be called with. */
  readonly takes: string
  readonly resolve: (args: readonly DataType[]) => Omit<ResolvedAggregate, 'id'> | undefined
}

const signatures = new Map<string, Signature>([
  [
    'count',
    {
      id: 'count',
      takes: 'at most one value',
      resolve: args => (args.length > 1 ? undefined : { argTypes: args, type: BIGINT }),
    },
  ],
  ['sum', { id: 'sum', takes: 'one number', resolve: args => one(args, sumType) }],
  ['avg', { id: 'avg', takes: 'one number', resolve: args => one(args, averageType) }],
  ['min', { id: 'min', takes: 'one value that has an order', resolve: args => one(args, extremeType) }],
  ['max', { id: 'max', takes: 'one value that has an order', resolve: args => one(args, extremeType) }],
])

/** Whether the name, in lower case, is an aggregate's. */
export function isAggregate(name: string): boolean {
  return signatures.has(name)
}

/** All names, for hints. */
export function aggregateNames(): Iterable<string> {
  return signatures.keys()
}

/**
 * The aggregate `name` (lower case) for arguments of these types. `orderTypes`: those of WITHIN GROUP (ORDER BY …). Undefined when
 * no aggregate has that name; throws 42883 when one has it but does not take the types.
 */
export function resolveAggregate(name: string, argTypes: readonly DataType[]): ResolvedAggregate | undefined {
  const signature = signatures.get(name)
  if (!signature) return undefined
  const resolved = signature.resolve(argTypes)
  if (resolved) return { id: signature.id, ...resolved }
  throw new EngineError('42883', `function ${name}(${argTypes.map(typeName).join(', ')}) does not exist`, {
    hint: `${name} takes ${signature.takes}; a cast may help`,
  })
}

function one(
  args: readonly DataType[],
  result: (type: DataType) => { arg: DataType; type: DataType } | undefined,
): Omit<ResolvedAggregate, 'id'> | undefined {
  if (args.length !== 1) return undefined
  const found = result(args[0])
  return found && { argTypes: [found.arg], type: found.type }
}

function sumType(arg: DataType): { arg: DataType; type: DataType } | undefined {
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

function averageType(arg: DataType): { arg: DataType; type: DataType } | undefined {
  const sum = sumType(arg)
  if (!sum) return undefined
  if (arg.kind === 'real') return { arg, type: DOUBLE }
  return { arg: sum.arg, type: sum.type.kind === 'bigint' ? NUMERIC : sum.type }
}

function extremeType(arg: DataType): { arg: DataType; type: DataType } | undefined {
  if (arg.kind === 'map' || arg.kind === 'jsonb') return undefined
  if (arg.kind === 'unknown' || arg.kind === 'varchar') return { arg: { kind: 'text' }, type: { kind: 'text' } }
  return { arg, type: arg }
}
