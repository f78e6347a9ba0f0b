import { EngineError } from '../../base/errors.ts'
import { ColumnBuilder } from '../../batch/builder.ts'
import { type Column, datumAt } from '../../batch/column.ts'
import { type DataType, type Datum, storageOf } from '../../batch/types.ts'
import { comparisonOf } from '../compare.ts'
import type { AggregateCall } from '../expr.ts'
import type { Accumulator } from './accumulator.ts'
import { BagAccumulator, type BagEntry } from './bag.ts'
import { BooleanAggregate } from './boolean.ts'
import { ByOrder } from './by-order.ts'
import { Count } from './count.ts'
import { DecimalMoments } from './decimal-moments.ts'
import { FloatExtreme, IntegerExtreme, TextExtreme } from './extreme.ts'
import { FloatMoments, type MomentResult } from './float-moments.ts'
import { FloatSum } from './float-sum.ts'
import { IntegerSum } from './integer-sum.ts'
import { IntervalSum } from './interval-sum.ts'
import { ListAccumulator } from './list.ts'
import { continuousPercentile, discretePercentile, forFractions, fractionsOf, mostFrequent } from './percentile.ts'

/** Whose result DISTINCT cannot change. */
const INDIFFERENT_TO_DUPLICATES = new Set(['min', 'max', 'bool_and', 'bool_or', 'first', 'last', 'arg_min', 'arg_max'])

const ORDERED_BY_ARRIVAL = new Set(['array_agg', 'string_agg', 'first', 'last', 'arg_min', 'arg_max'])

const MOMENTS: Readonly<Record<string, MomentResult>> = {
  stddev_samp: { sample: true, root: true },
  stddev_pop: { sample: false, root: true },
  var_samp: { sample: true, root: false },
  var_pop: { sample: false, root: false },
}

/**
 * The accumulator of a resolved call. Its columns are the call's arguments, then its ORDER BY expressions. `retractable`: its input may
 * take rows back, for which some aggregates keep more than their result. FILTER is not its business but `AggregateSet`'s.
 */
export function createAccumulator(call: AggregateCall, retractable: boolean): Accumulator {
  if (call.distinct && !INDIFFERENT_TO_DUPLICATES.has(call.id)) return createDistinct(call)
  switch (call.id) {
    case 'count':
      return new Count()
    case 'sum':
    case 'avg':
      return createSum(call)
    case 'min':
    case 'max':
      return createExtreme(call, retractable)
    case 'stddev_samp':
    case 'stddev_pop':
    case 'var_samp':
    case 'var_pop':
      return createMoment(call, MOMENTS[call.id])
    case 'bool_and':
    case 'bool_or':
      return new BooleanAggregate(call.id === 'bool_and')
    case 'first':
    case 'last':
    case 'arg_min':
    case 'arg_max':
      return createByOrder(call, retractable)
    case 'string_agg':
    case 'array_agg':
      return createList(call)
    case 'percentile_cont':
    case 'percentile_disc':
    case 'median':
    case 'mode':
      return createPercentile(call)
    default:
      throw new EngineError('42883', `aggregate ${call.id} is unknown to this version`)
  }
}

/** Whether the order in which rows come can show in the result, if only among ties. */
export function dependsOnArrival(call: AggregateCall): boolean {
  return ORDERED_BY_ARRIVAL.has(call.id)
}

function createSum(call: AggregateCall): Accumulator {
  const average = call.id === 'avg'
  const { kind } = call.args[0].type
  if (kind === 'real' || kind === 'double') return new FloatSum(average ? 'average' : kind)
  if (kind === 'numeric') return new DecimalMoments(average ? 'average' : 'sum')
  if (kind === 'interval') return new IntervalSum(average)
  if (average) return new IntegerSum('average')
  return new IntegerSum(kind === 'bigint' ? 'numeric' : 'bigint')
}

function createMoment(call: AggregateCall, moment: MomentResult): Accumulator {
  return storageOf(call.args[0].type) === 'float64' ? new FloatMoments(moment) : new DecimalMoments(moment)
}

function createExtreme(call: AggregateCall, retractable: boolean): Accumulator {
  const max = call.id === 'max'
  const { type } = call
  const storage = storageOf(type)
  if (retractable) {
    return new BagAccumulator({
      argTypes: [type],
      type,
      present: 1,
      compare: compareEntries(0, type),
      finish: entries => entries[max ? entries.length - 1 : 0].row[0],
      empty: null,
    })
  }
  if (storage === 'float64') return new FloatExtreme(max)
  if (storage === 'int32' || storage === 'int64') return new IntegerExtreme(max, storage === 'int64')
  if (storage === 'utf8') return new TextExtreme(max)
  return new ByOrder({ type, compare: compareDatums(type), last: max, orderArgument: 0 })
}

function createByOrder(call: AggregateCall, retractable: boolean): Accumulator {
  const last = call.id === 'last' || call.id === 'arg_max'
  const { type, args } = call
  const argTypes = args.map(arg => arg.type)
  const order: DataType | undefined = argTypes[1]
  if (!retractable) {
    return new ByOrder({ type, compare: order && compareDatums(order), last, orderArgument: order && 1 })
  }
  if (!order) {
    return new ListAccumulator({
      argTypes,
      type,
      skipNulls: true,
      compare: undefined,
      finish: rows => rows[last ? rows.length - 1 : 0][0],
    })
  }
  // Where rows may go again there is no telling which of equals came first; the value itself decides.
  const byOrder = compareEntries(1, order)
  const byValue = compareEntries(0, type)
  return new BagAccumulator({
    argTypes,
    type,
    present: 2,
    compare: (a, b) => byOrder(a, b) || byValue(a, b),
    finish: entries => entries[last ? entries.length - 1 : 0].row[0],
    empty: null,
  })
}

function createList(call: AggregateCall): Accumulator {
  const joined = call.id === 'string_agg'
  return new ListAccumulator({
    argTypes: [...call.args, ...call.orderBy.map(key => key.expr)].map(expr => expr.type),
    type: call.type,
    skipNulls: joined,
    compare: call.orderBy.length > 0 ? compareRows(call) : undefined,
    finish: joined ? joinTexts : rows => rows.map(row => row[0]),
  })
}

/** A separator comes before its row's text, but for the first. */
function joinTexts(rows: readonly (readonly Datum[])[]): string {
  return rows.map((row, i) => (i === 0 ? row[0] : `${row[1] ?? ''}${row[0]}`)).join('')
}

function createPercentile(call: AggregateCall): Accumulator {
  const value = call.args.length - 1
  const ascending = compareEntries(0, call.args[value].type)
  const descending = call.orderBy.some(key => key.descending)
  const fractions = call.id === 'median' ? 0.5 : value === 1 ? fractionsOf(call.args[0]) : null
  const at = call.id === 'percentile_disc' ? discretePercentile : continuousPercentile
  return new BagAccumulator({
    // The fraction is known already; only the values are kept.
    firstArgument: value,
    argTypes: [call.args[value].type],
    type: call.type,
    present: 1,
    compare: descending ? (a, b) => ascending(b, a) : ascending,
    finish: call.id === 'mode' ? mostFrequent : entries => forFractions(fractions, fraction => at(entries, fraction)),
    empty: null,
  })
}

/** DISTINCT: the plain aggregate over each distinct row once, computed at output. */
function createDistinct(call: AggregateCall): Accumulator {
  const plain = createAccumulator({ ...call, distinct: false }, false)
  plain.reserve(1)
  const argTypes = [...call.args, ...call.orderBy.map(key => key.expr)].map(expr => expr.type)
  const isList = call.id === 'array_agg' || call.id === 'string_agg'
  const byArguments = (a: BagEntry, b: BagEntry): number => {
    for (let i = 0; i < call.args.length; i++) {
      const order = compareNullable(compareDatums(argTypes[i]), a.row[i], b.row[i], false)
      if (order !== 0) return order
    }
    return 0
  }
  const byKeys = compareRows(call)
  const finish = (entries: readonly BagEntry[]): Datum => {
    if (call.id === 'count') return entries.length
    const columns = argTypes.map((type, a): Column => {
      const builder = new ColumnBuilder(type, entries.length)
      for (const { row } of entries) builder.append(row[a])
      return builder.finish()
    })
    plain.update(new Int32Array(entries.length), entries.length, columns, undefined)
    const result = datumAt(plain.output(new Int32Array(1), 1), 0, call.type.kind === 'bytea')
    plain.free(0)
    return result
  }
  return new BagAccumulator({
    argTypes,
    type: call.type,
    present: call.id === 'array_agg' ? 0 : 1,
    compare: isList ? (a, b) => byKeys(a.row, b.row) || byArguments(a, b) : undefined,
    finish,
    empty: call.id === 'count' ? 0 : null,
  })
}

type Compare = (a: Datum, b: Datum) => number

function compareDatums(type: DataType): Compare {
  return comparisonOf(type) as Compare // given values of the type only, by the plan
}

function compareEntries(argument: number, type: DataType): (a: BagEntry, b: BagEntry) => number {
  const compare = compareDatums(type)
  return (a, b) => compare(a.row[argument], b.row[argument])
}

/** By the call's ORDER BY, whose values stand behind the arguments. */
function compareRows(call: AggregateCall): (a: readonly Datum[], b: readonly Datum[]) => number {
  const keys = call.orderBy.map((key, k) => ({
    ...key,
    at: call.args.length + k,
    compare: compareDatums(key.expr.type),
  }))
  return (a, b) => {
    for (const { at, compare, descending, nullsFirst } of keys) {
      const sign = descending ? -1 : 1
      const order =
        a[at] === null || b[at] === null
          ? compareNullable(compare, a[at], b[at], nullsFirst)
          : sign * compare(a[at], b[at])
      if (order !== 0) return order
    }
    return 0
  }
}

function compareNullable(compare: Compare, a: Datum, b: Datum, nullsFirst: boolean): number {
  if (a !== null && b !== null) return compare(a, b)
  if (a === b) return 0
  return (a === null) === nullsFirst ? -1 : 1
}
