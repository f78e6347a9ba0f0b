import { expect, test } from 'vitest'
import { IdPool } from '../../src/state/id-pool.ts'

test('an id lives until its last reference, however many, across a restart', () => {
  let pool = new IdPool(1)
  const few = pool.take()
  const many = pool.take()
  pool.retain(few)
  for (let i = 0; i < 1000; i++) pool.retain(many)
  const restored = new IdPool(1)
  restored.restore(structuredClone(pool.snapshot()))
  pool = restored
  for (let i = 0; i < 700; i++) pool.retain(many)
  for (let i = 0; i < 1699; i++) expect(pool.release(many)).toBe(false)
  expect(pool.release(many)).toBe(true)
  expect(pool.size).toBe(1)
  expect(pool.take()).toBe(many)
  expect(pool.release(few)).toBe(true)
})
