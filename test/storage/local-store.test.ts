import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openLocalStore } from '../../src/storage/local-store.ts'
import { temporaryFolder } from '../support/temporary.ts'

test('what a crash left half written is not seen, and goes at the next start', async () => {
  const folder = temporaryFolder()
  openLocalStore(folder)
  writeFileSync(join(folder, '.temporary', '1-0-0'), 'half')
  const store = openLocalStore(folder)
  expect(await store.list('')).toEqual([])
  expect(readdirSync(join(folder, '.temporary'))).toEqual([])
})

test('a prefix goes with its last key, and may come again', async () => {
  const folder = temporaryFolder()
  const store = openLocalStore(folder)
  for (const key of ['a/b/1', 'a/b/2', 'a/c']) await store.put(key, [])
  await store.delete('a/b/1')
  expect(await store.list('a/b/')).toEqual(['a/b/2'])
  await store.delete('a/b/2')
  expect(readdirSync(join(folder, 'a'))).toEqual(['c'])
  await store.delete('a/c')
  expect(readdirSync(folder)).toEqual(['.temporary'])
  await store.put('a/b/1', [])
  expect(await store.list('')).toEqual(['a/b/1'])
})

test('keys come and go in one folder at the same time', async () => {
  const store = openLocalStore(temporaryFolder())
  const churn = async (name: string): Promise<void> => {
    for (let i = 0; i < 20; i++) {
      await store.put(`a/${name}`, [])
      await store.delete(`a/${name}`)
    }
    await store.put(`a/${name}`, [])
  }
  await Promise.all(['x', 'y', 'z'].map(churn))
  expect(await store.list('')).toEqual(['a/x', 'a/y', 'a/z'])
})

test('a folder that cannot be written says so', async () => {
  const folder = temporaryFolder()
  const store = openLocalStore(folder)
  writeFileSync(join(folder, 'file'), '')
  await expect(store.put('file/below', [])).rejects.toMatchObject({ actor: 'external', sqlState: '58030' })
})
