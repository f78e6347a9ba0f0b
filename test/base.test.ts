import { expect, test } from 'vitest'
import { nearest } from '../src/base/errors.ts'

test('nearest offers close names, nearest first, and nothing far away', () => {
  expect(nearest('prize', ['price', 'auction', 'prizes'])).toEqual(['price', 'prizes'])
  expect(nearest('x', ['abc'])).toEqual([])
  expect(nearest('tempreature', ['temperature', 'time'])).toEqual(['temperature'])
})
