import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { lockFolder } from '../../src/storage/folder-lock.ts'
import { temporaryFolder } from '../support/temporary.ts'

test('a folder has one owner at a time', async () => {
  const folder = join(temporaryFolder(), 'data')
  const lock = await lockFolder(folder)
  await expect(lockFolder(folder)).rejects.toMatchObject({
    sqlState: '55006',
    message: expect.stringContaining(folder),
  })
  await lock.release()
  await (await lockFolder(folder)).release()
})

test('also where its path is too long for a socket', async () => {
  const folder = join(temporaryFolder(), 'd'.repeat(120))
  const lock = await lockFolder(folder)
  await expect(lockFolder(folder)).rejects.toMatchObject({ sqlState: '55006' })
  await lock.release()
})

test('a killed owner keeps nobody out', async () => {
  const folder = join(temporaryFolder(), 'data')
  const module = join(import.meta.dirname, '../../src/storage/folder-lock.ts')
  const script = `const { lockFolder } = await import(${JSON.stringify(module)})
    await lockFolder(${JSON.stringify(folder)}); console.log('locked'); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  for await (const line of createInterface({ input: child.stdout })) if (line === 'locked') break
  await expect(lockFolder(folder)).rejects.toMatchObject({ sqlState: '55006' })
  const ended = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
  await (await lockFolder(folder)).release()
})

test('a folder that cannot be one is refused', async () => {
  const folder = temporaryFolder()
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'file'), '')
  await expect(lockFolder(join(folder, 'file'))).rejects.toMatchObject({ sqlState: '58030' })
  await expect(lockFolder(join(folder, 'file', 'below'))).rejects.toMatchObject({ sqlState: '58030' })
})
