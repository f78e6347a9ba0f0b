import { assert } from '../../base/assert.ts'
import { storageOf } from '../../batch/types.ts'
import type { AggregateCall } from '../expr.ts'
import type { Accumulator } from './accumulator.ts'
import { Count } from './count.ts'
import { FloatExtreme, IntegerExtreme, TextExtreme } from './extreme.ts'
import { FloatSum } from './float-sum.ts'
import { IntegerSum } from './integer-sum.ts'

/**
 * The accumulator of a resolved call. `retractable`: its input may take rows back, for which some aggregates keep more than their
 * result. DISTINCT and FILTER are not its business but `AggregateSet`'s.
 */
export function createAccumulator(call: AggregateCall, retractable: boolean): Accumulator {
  switch (call.id) {
    case 'count':
      return new Count()
    case 'sum':
      return createSum(call)
    case 'avg':
      return createAverage(call)
    case 'min':
    case 'max':
      return createExtreme(call, retractable)
    default:
      return assert(false, `no accumulator for ${call.id}`) ?? new Count()
  }
}

function createSum(call: AggregateCall): Accumulator {
  const { kind } = call.args[0].type
  if (kind === 'real') return new FloatSum('real')
  if (kind === 'double') return new FloatSum('double')
  assert(kind !== 'numeric' && kind !== 'interval', 'not yet')
  return new IntegerSum(kind === 'bigint' ? 'numeric' : 'bigint')
}

function createAverage(call: AggregateCall): Accumulator {
  const { kind } = call.args[0].type
  if (kind === 'real' || kind === 'double') return new FloatSum('average')
  return new IntegerSum('average')
}

function createExtreme(call: AggregateCall, _retractable: boolean): Accumulator {
  const max = call.id === 'max'
  const storage = storageOf(call.args[0].type)
  if (storage === 'float64') return new FloatExtreme(max)
  if (storage === 'utf8') return new TextExtreme(max)
  return new IntegerExtreme(max, storage === 'int64')
}
