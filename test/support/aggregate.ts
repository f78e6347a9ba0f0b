import type { DataType, Schema } from '../../src/batch/types.ts'
import type { Operator, SideOutput } from '../../src/dataflow/operator.ts'
import { resolveAggregate } from '../../src/expr/aggregate/resolve.ts'
import type { AggregateCall, Expr, SortKey } from '../../src/expr/expr.ts'
import { compileColumnReferences } from '../../src/operators/evaluate.ts'
import { HashAggregate } from '../../src/operators/hash-aggregate.ts'

/** A column of the schema by name. */
export function column(schema: Schema, name: string): Expr {
  const index = schema.fields.findIndex(f => f.name === name)
  if (index < 0) throw new Error(`no column ${name}`)
  return { kind: 'column', index, name, type: schema.fields[index].type }
}

/**
 * A call in short: `sum n`, `count`, `count distinct s`, `string_agg s sep order t desc`, `sum n filter b`. Constants and WITHIN GROUP
 * are given as `fraction`.
 */
export function call(schema: Schema, text: string, fraction?: number): AggregateCall {
  const words = text.split(' ')
  const name = words[0]
  const [beforeFilter, filter] = split(words.slice(1), 'filter')
  const [beforeOrder, order] = split(beforeFilter, 'order')
  const distinct = beforeOrder[0] === 'distinct'
  const columns = (distinct ? beforeOrder.slice(1) : beforeOrder).map(word => column(schema, word))
  const literal: Expr[] = fraction === undefined ? [] : [{ kind: 'literal', value: fraction, type: { kind: 'double' } }]
  const args = [...literal, ...columns]
  const resolved = resolveAggregate(
    name,
    args.map(a => a.type),
  )
  if (!resolved) throw new Error(`no aggregate ${name}`)
  const orderBy: SortKey[] =
    order.length > 0
      ? [{ expr: column(schema, order[0]), descending: order[1] === 'desc', nullsFirst: order[1] === 'desc' }]
      : []
  return {
    id: resolved.id,
    name,
    args,
    distinct,
    orderBy,
    type: resolved.type,
    ...(filter.length > 0 && { filter: column(schema, filter[0]) }),
  }
}

function split(words: readonly string[], at: string): [string[], string[]] {
  const index = words.indexOf(at)
  return index < 0 ? [[...words], []] : [words.slice(0, index), words.slice(index + 1)]
}

export interface AggregateSettings {
  readonly keys: readonly string[]
  readonly calls: readonly AggregateCall[]
  readonly windowEnd?: number
  readonly final?: boolean
  readonly retractable?: boolean
}

/** Makes a HashAggregate over plain columns. */
export function aggregate(schema: Schema, settings: AggregateSettings): (side: SideOutput) => Operator {
  const { keys, calls, windowEnd, final = false, retractable = false } = settings
  const output: { name: string; type: DataType }[] = [
    ...keys.map(k => ({ name: k, type: column(schema, k).type })),
    ...calls.map(a => ({ name: a.name, type: a.type })),
  ]
  return side =>
    new HashAggregate({
      schema: { fields: output },
      keys: keys.map(k => column(schema, k)),
      aggregates: calls,
      windowEnd,
      final,
      retractable,
      // A literal argument (the fraction of a percentile) is never read from a batch: any column stands for it.
      compile: exprs =>
        compileColumnReferences(exprs.map(e => (e.kind === 'column' ? e : column(schema, schema.fields[0].name)))),
      side,
    })
}
