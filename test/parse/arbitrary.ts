import fc from 'fast-check'
import type { Call, Expr, Name, OrderItem, TypeName, WindowSpec } from '../../grammar/ast.ts'
import type { Query, Select, TableRef } from '../../grammar/query.ts'

/** Random trees of the language that Postgres and we share, in the form the parser gives. */

const at = 0
const name = fc.constantFrom(
  'a',
  'b',
  'col',
  'Mixed',
  'with space',
  'select',
  'interval',
  'left',
  'emit',
  'tumble',
  'é',
  'q"q',
  'operator',
  'value',
)
const qualified: fc.Arbitrary<Name> = fc.array(name, { minLength: 1, maxLength: 3 })
const functionName: fc.Arbitrary<Name> = fc.oneof(
  fc.constantFrom<Name>(
    ['f'],
    ['count'],
    ['coalesce'],
    ['greatest'],
    ['Weird'],
    ['pg_catalog', 'lower'],
    ['current_date'],
    ['extract'],
    ['position'],
    ['left'],
  ),
)

const named = (...parts: readonly [string, ...number[]]): TypeName => ({
  kind: 'named',
  name: [parts[0]],
  modifiers: parts.slice(1).map(Number),
  at,
})
const scalarType: fc.Arbitrary<TypeName> = fc.constantFrom<TypeName>(
  ...[
    'integer',
    'bigint',
    'text',
    'double',
    'real',
    'boolean',
    'date',
    'timestamp',
    'timestamptz',
    'interval',
    'jsonb',
    'uuid',
    'varbit',
    'timetz',
  ].map(type => named(type)),
  named('numeric', 10, 2),
  named('varchar', 5),
  named('timestamptz', 3),
  { ...named('interval'), fields: 'day to second' } as TypeName,
  { kind: 'named', name: ['s', 'Type'], modifiers: [], at },
)
const type: fc.Arbitrary<TypeName> = fc.oneof(
  { weight: 4, arbitrary: scalarType },
  { weight: 1, arbitrary: scalarType.map((element): TypeName => ({ kind: 'array', element, at })) },
)

const leaf: fc.Arbitrary<Expr> = fc.oneof(
  fc.constantFrom<Expr>(
    { kind: 'null', at },
    { kind: 'boolean', value: true, at },
    { kind: 'boolean', value: false, at },
  ),
  fc
    .constantFrom('0', '1', '42', '1.5', '.5', '1e10', '12345678901234567890')
    .map((text): Expr => ({ kind: 'number', text, at })),
  fc
    .constantFrom('', 'x', "it's", 'back\\slash', 'two\nlines', '😀')
    .map((value): Expr => ({ kind: 'string', value, at })),
  fc.integer({ min: 1, max: 9 }).map((index): Expr => ({ kind: 'parameter', index, at })),
  qualified.map((name): Expr => ({ kind: 'column', name, at })),
)

const operators = [
  '+',
  '-',
  '*',
  '/',
  '%',
  '^',
  '<',
  '>',
  '=',
  '<=',
  '>=',
  '<>',
  '||',
  '~',
  '!~*',
  '->',
  '->>',
  '#>>',
  '@>',
  '<@',
  '?',
  '?|',
  '&&',
  '<->',
  '~~',
  '@-',
]

const many = <T>(of: fc.Arbitrary<T>, least = 0): fc.Arbitrary<T[]> => fc.array(of, { minLength: least, maxLength: 3 })
const maybe = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(of, { nil: undefined })

const { expr, query } = fc.letrec<{
  expr: Expr
  query: Query
  order: OrderItem
  select: Select
  table: TableRef
  spec: WindowSpec
}>(tie => {
  const order = fc.record({
    expr: tie('expr'),
    descending: fc.boolean(),
    nulls: maybe(fc.constantFrom<'first' | 'last'>('first', 'last')),
    at: fc.constant(at),
  })
  const spec = fc.record({
    base: maybe(name),
    partitionBy: many(tie('expr')),
    orderBy: many(order),
    at: fc.constant(at),
  })
  const call: fc.Arbitrary<Call> = fc.record({
    kind: fc.constant('call' as const),
    name: functionName,
    args: many(tie('expr'), 1),
    star: fc.constant(false),
    distinct: fc.boolean(),
    variadic: fc.constant(false),
    orderBy: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: many(order, 1) }),
    withinGroup: fc.constant(false),
    filter: maybe(tie('expr')),
    over: maybe(fc.oneof(name, spec)),
    at: fc.constant(at),
  })
  const flat = (kind: 'and' | 'or'): fc.Arbitrary<Expr> =>
    many(tie('expr'), 2).map(
      (args): Expr => ({ kind, args: args[0].kind === kind ? [{ kind: 'null', at }, ...args] : args, at }),
    )
  const junction = fc.oneof(flat('and'), flat('or'))
  const withBase = { at: fc.constant(at) }
  const negated = fc.boolean()
  return {
    order,
    spec,
    expr: fc.oneof(
      { maxDepth: 4, depthIdentifier: 'tree', withCrossShrink: true },
      leaf,
      junction,
      fc.record({ kind: fc.constant('not' as const), arg: tie('expr'), ...withBase }),
      fc.record({
        kind: fc.constant('binary' as const),
        op: fc.constantFrom(...operators),
        schema: fc.constantFrom<Name>([], [], [], ['pg_catalog']),
        left: tie('expr'),
        right: tie('expr'),
        ...withBase,
      }),
      fc.record({
        kind: fc.constant('unary' as const),
        op: fc.constantFrom('+', '-', '~', '@', '|/'),
        schema: fc.constant<Name>([]),
        arg: tie('expr'),
        ...withBase,
      }),
      fc.record({
        kind: fc.constant('is' as const),
        test: fc.constantFrom('null' as const, 'true' as const, 'unknown' as const),
        negated,
        arg: tie('expr'),
        ...withBase,
      }),
      fc.record({
        kind: fc.constant('is-distinct' as const),
        negated,
        left: tie('expr'),
        right: tie('expr'),
        ...withBase,
      }),
      fc.record({ kind: fc.constant('in' as const), arg: tie('expr'), list: many(leaf, 1), negated, ...withBase }),
      fc.record({
        kind: fc.constant('in-query' as const),
        arg: tie('expr'),
        query: tie('query'),
        negated,
        ...withBase,
      }),
      fc.record({
        kind: fc.constant('between' as const),
        arg: tie('expr'),
        low: tie('expr'),
        high: tie('expr'),
        symmetric: fc.boolean(),
        negated,
        ...withBase,
      }),
      fc.record({
        kind: fc.constant('like' as const),
        op: fc.constantFrom('like' as const, 'ilike' as const, 'similar to' as const),
        arg: tie('expr'),
        pattern: tie('expr'),
        escape: maybe(tie('expr')),
        negated,
        ...withBase,
      }),
      fc.record({
        kind: fc.constant('quantified' as const),
        op: fc.constantFrom('=', '<', '~~', '||'),
        schema: fc.constant<Name>([]),
        quantifier: fc.constantFrom('any' as const, 'all' as const),
        left: tie('expr'),
        right: fc.oneof(leaf, tie('query')),
        ...withBase,
      }),
      fc.record({
        kind: fc.constantFrom('exists' as const, 'scalar-query' as const, 'array-query' as const),
        query: tie('query'),
        ...withBase,
      }),
      fc.record({ kind: fc.constant('array' as const), elements: many(tie('expr')), ...withBase }),
      fc.record({ kind: fc.constant('row' as const), fields: many(tie('expr')), ...withBase }),
      fc.record({
        kind: fc.constant('case' as const),
        operand: maybe(tie('expr')),
        branches: many(fc.record({ when: tie('expr'), then: tie('expr') }), 1),
        otherwise: maybe(tie('expr')),
        ...withBase,
      }),
      fc.record({ kind: fc.constant('cast' as const), arg: tie('expr'), type, ...withBase }),
      fc.record({ kind: fc.constant('collate' as const), arg: tie('expr'), collation: qualified, ...withBase }),
      fc.record({ kind: fc.constant('subscript' as const), arg: tie('expr'), index: tie('expr'), ...withBase }),
      fc.record({
        kind: fc.constant('slice' as const),
        arg: tie('expr'),
        lower: maybe(tie('expr')),
        upper: maybe(tie('expr')),
        ...withBase,
      }),
      fc.record({ kind: fc.constant('field' as const), arg: tie('expr'), name, ...withBase }),
      call,
    ) as fc.Arbitrary<Expr>,
    table: fc.oneof(
      { maxDepth: 4, depthIdentifier: 'tree', withCrossShrink: true },
      fc.record({
        kind: fc.constant('table' as const),
        name: qualified,
        only: fc.boolean(),
        alias: maybe(fc.record({ name, columns: many(name) })),
        ...withBase,
      }),
      fc.record({
        kind: fc.constant('subquery' as const),
        query: tie('query'),
        lateral: fc.boolean(),
        alias: fc.record({ name, columns: many(name) }),
        ...withBase,
      }),
      fc.record({
        kind: fc.constant('join' as const),
        type: fc.constantFrom('inner' as const, 'left' as const, 'full' as const),
        natural: fc.constant(false),
        asof: fc.constant(false),
        left: tie('table'),
        right: tie('table'),
        on: tie('expr'),
        ...withBase,
      }),
      fc.record({
        kind: fc.constant('join' as const),
        type: fc.constant('cross' as const),
        natural: fc.constant(false),
        asof: fc.constant(false),
        left: tie('table'),
        right: tie('table'),
        ...withBase,
      }),
    ) as fc.Arbitrary<TableRef>,
    select: fc.record({
      kind: fc.constant('select' as const),
      distinct: maybe(fc.record({ on: many(tie('expr')) })),
      items: many(fc.record({ expr: tie('expr'), alias: maybe(name), ...withBase }), 1),
      from: many(tie('table')),
      where: maybe(tie('expr')),
      groupBy: maybe(
        fc.record({
          distinct: fc.boolean(),
          items: many(
            tie('expr').map(expr => ({ kind: 'expr' as const, expr })),
            1,
          ),
        }),
      ),
      having: maybe(tie('expr')),
      windows: many(fc.record({ name, spec, ...withBase })),
      at: fc.constant(at),
    }),
    query: fc.record({
      kind: fc.constant('query' as const),
      body: fc.oneof(
        { maxDepth: 4, depthIdentifier: 'tree', withCrossShrink: true },
        fc.record({ kind: fc.constant('values' as const), rows: many(many(tie('expr'), 1), 1), ...withBase }),
        tie('select'),
        fc.record({
          kind: fc.constant('set-operation' as const),
          first: tie('query'),
          // INTERSECT binds tighter than the others: a list has one or the other.
          rest: fc.oneof(
            many(
              fc.record({
                op: fc.constantFrom('union' as const, 'except' as const),
                all: fc.boolean(),
                query: tie('query'),
                ...withBase,
              }),
              1,
            ),
            many(
              fc.record({ op: fc.constant('intersect' as const), all: fc.boolean(), query: tie('query'), ...withBase }),
              1,
            ),
          ),
          ...withBase,
        }),
      ),
      orderBy: many(order),
      limit: maybe(tie('expr')),
      withTies: fc.constant(false),
      offset: maybe(leaf),
      locking: fc.constant([]),
      at: fc.constant(at),
    }) as fc.Arbitrary<Query>,
  }
})

export { expr as arbitraryExpression, query as arbitraryQuery }
