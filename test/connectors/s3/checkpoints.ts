/** A server whose jobs and checkpoints are on S3, killed; another machine goes on. */
import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { startServer } from '../../support/server.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { missing, server } from './server.ts'

beforeAll(() => {
  for (const [name, value] of Object.entries(server?.env ?? {})) vi.stubEnv(name, value)
})
afterAll(() => {
  vi.unstubAllEnvs()
})

const lines = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => `{"id":${from + i}}\n`).join('')

describe.skipIf(missing)(`checkpoints on S3 ${missing ?? ''}`, () => {
  test('another machine with an empty disk goes on where a killed one was', async () => {
    const place = server.newPlace()
    const url = `s3://${place.s3.bucket}/${place.prefix}?endpoint=${server.endpoint}`
    const input = join(temporaryFolder(), 'in.ndjson')
    writeFileSync(input, lines(0, 1000))
    const first = await startServer('--checkpoints', url)
    await first.query(`CREATE SOURCE r (id bigint) WITH (connector = 'file', path = '${input}', follow = 'true')`)
    await first.query('CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n, sum(id) AS s FROM r')
    await first.until('SELECT n FROM v', rows => rows[0]?.[0] === '1000')
    // The first that ends may have begun before the rows were counted; the second holds them.
    for (const id of [1000, 1001]) {
      const [[epoch]] = await first.query('SELECT max(epoch) FROM tidemark.jobs')
      appendFileSync(input, lines(id, id + 1))
      await first.until('SELECT max(epoch) FROM tidemark.jobs', rows => Number(rows[0][0]) > Number(epoch))
    }
    await first.stop('SIGKILL')

    appendFileSync(input, lines(1002, 1500))
    const second = await startServer('--checkpoints', url)
    const rows = await second.until('SELECT n, s FROM v', rows => Number(rows[0]?.[0]) >= 1500)
    expect(rows).toEqual([['1500', String((1499 * 1500) / 2)]])
    const [[rowsIn]] = await second.query('SELECT rows_in FROM tidemark.jobs')
    expect(Number(rowsIn)).toBeLessThan(1000) // what is older came from the checkpoint

    // The first machine comes back: it must not write any more. A third start is the one that counts now.
    const third = await startServer('--checkpoints', url)
    appendFileSync(input, lines(1500, 1600))
    const [[, error]] = await second.until('SELECT state, error FROM tidemark.jobs', rows => rows[0][0] === 'failed')
    expect(error).toMatch(/another server has taken over s3:\/\//)
    await third.until('SELECT n FROM v', rows => rows[0]?.[0] === '1600')
  })

  test('a place that cannot be used is told in one line', async () => {
    const closed = startServer('--checkpoints', `s3://lake/x?endpoint=http://127.0.0.1:1`)
    await expect(closed).rejects.toThrow(/error: cannot reach S3 at http:\/\/127\.0\.0\.1:1 \(ECONNREFUSED\)\n/)
    await expect(startServer('--checkpoints', 'lake')).rejects.toThrow(/"lake" is not an S3 address/)
  })
})
