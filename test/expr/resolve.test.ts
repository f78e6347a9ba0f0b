import { expect, test } from 'vitest'
import { EngineError } from '../../src/base/errors.ts'
import {
  BIGINT,
  BOOLEAN,
  DATE,
  DOUBLE,
  INTEGER,
  NUMERIC,
  SMALLINT,
  TEXT,
  TIMESTAMPTZ,
  UNKNOWN,
} from '../../src/batch/types.ts'
import { commonType } from '../../src/expr/coerce.ts'
import { fold } from '../../src/expr/fold.ts'
import { printExpr } from '../../src/expr/print.ts'
import { compileRegex } from '../../src/expr/regex.ts'
import { resolveFunction, resolveOperator } from '../../src/expr/resolve.ts'
import { localToUtc, timeZone, utcToLocal } from '../../src/expr/time-zone.ts'
import { typeByName } from '../../src/expr/type-names.ts'

function errorOf(work: () => unknown): EngineError | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    return error instanceof EngineError ? error : undefined
  }
}

test('operators widen their operands as Postgres does', () => {
  expect(resolveOperator('+', [SMALLINT, INTEGER])?.argTypes).toEqual([INTEGER, INTEGER])
  expect(resolveOperator('*', [BIGINT, NUMERIC])?.type).toEqual(NUMERIC)
  expect(resolveOperator('<', [DATE, TIMESTAMPTZ])?.argTypes).toEqual([TIMESTAMPTZ, TIMESTAMPTZ])
  expect(resolveOperator('=', [UNKNOWN, UNKNOWN])?.argTypes).toEqual([TEXT, TEXT])
  expect(resolveOperator('<=>', [INTEGER, INTEGER])).toBeUndefined()
})

test('a call that fits nothing lists what there is', () => {
  expect(resolveFunction('nosuch', [])).toBeUndefined()
  const error = errorOf(() => resolveFunction('lower', [BOOLEAN]))
  expect(error?.sqlState).toBe('42883')
  expect(error?.hint).toContain('lower(text)')
})

test('branches of mixed types meet in one', () => {
  expect(commonType([INTEGER, UNKNOWN, DOUBLE])).toEqual(DOUBLE)
  expect(commonType([UNKNOWN, UNKNOWN])).toEqual(TEXT)
  expect(commonType([INTEGER, TEXT])).toBeUndefined()
  expect(typeByName('string')).toEqual(TEXT)
  expect(errorOf(() => typeByName('numeric', [5, 9]))?.sqlState).toBe('22023')
})

test('folding keeps errors for run time and simplifies conditions', () => {
  const one = { kind: 'literal', value: 1, type: INTEGER } as const
  const zero = { kind: 'literal', value: 0, type: INTEGER } as const
  const column = { kind: 'column', index: 0, name: 'a', type: INTEGER } as const
  const call = (
    name: string,
    id: string,
    type = INTEGER,
    left: typeof one | typeof column = one,
    right: typeof zero | typeof one = zero,
  ) => ({ kind: 'call', id, name, args: [left, right], type }) as const
  expect(printExpr(fold(call('/', '/(integer,integer)')))).toBe('1 / 0')
  expect(printExpr(fold(call('+', '+(integer,integer)')))).toBe('1')
  const test = call('<', '<(integer,integer)', BOOLEAN, column, one)
  expect(printExpr(fold({ kind: 'not', arg: test, type: BOOLEAN }))).toBe('a >= 1')
  const never = { kind: 'literal', value: false, type: BOOLEAN } as const
  expect(printExpr(fold({ kind: 'and', args: [test, never], type: BOOLEAN }))).toBe('false')
})

test('patterns that could take for ever are refused', () => {
  expect(errorOf(() => compileRegex('(a+)+b'))?.sqlState).toBe('2201B')
  expect(errorOf(() => compileRegex('(x|a*)*'))?.sqlState).toBe('2201B')
  expect(compileRegex('(a+b)+').test('aabab')).toBe(true)
})

test('skipped local times count as before the transition, doubled ones as after', () => {
  const berlin = timeZone('Europe/Berlin')
  const at = (text: string): number => Date.parse(`${text}Z`) * 1000
  expect(localToUtc(berlin, at('2021-03-28T02:30'))).toBe(at('2021-03-28T01:30'))
  expect(localToUtc(berlin, at('2021-10-31T02:30'))).toBe(at('2021-10-31T01:30'))
  expect(utcToLocal(berlin, at('2021-10-31T00:59'))).toBe(at('2021-10-31T02:59'))
  expect(utcToLocal(timeZone('America/St_Johns'), at('2021-01-01T12:00'))).toBe(at('2021-01-01T08:30'))
})
