import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { Server } from '../support/server.ts'
import { temporaryFolder } from '../support/temporary.ts'

/** One server for the tests of a file. */
export function oneServer(): Server {
  const dataDir = mkdtempSync(join(tmpdir(), 'tidemark-test-'))
  const server = new Server(dataDir)
  beforeAll(() => server.start())
  afterAll(async () => {
    await server.stop('SIGKILL')
    rmSync(dataDir, { recursive: true, force: true })
  })
  return server
}

/** A folder with these files in it, gone when the test has finished. */
export function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder()
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}
