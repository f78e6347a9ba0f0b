import { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import { embedded } from '../../connectors/embedded/embedded.ts'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { type Batch, rowAt } from '../../src/batch/batch.ts'
import { Engine } from '../../src/engine/engine.ts'
import { RemoteHost } from '../../src/jobs/host.ts'
import { temporaryFolder } from '../support/temporary.ts'

test('a thread that dies takes no job with it: each goes on in a new one, from its checkpoint', async () => {
  const dataDir = temporaryFolder()
  const workers: Worker[] = []
  const engine = await Engine.open({
    dataDir,
    connectors: [embedded],
    clock: systemClock,
    log: silentLogger,
    hostsMax: 1,
    newHost: () => {
      const main = new URL('../../src/main.js', import.meta.url)
      const worker = new Worker(main, { workerData: { dataDir, logLevel: 'silent' } })
      workers.push(worker)
      return new RemoteHost(worker)
    },
  })
  onTestFinished(() => engine.close())
  const session = await engine.connect({ user: 'u', database: 'd', settings: new Map() })
  const run = async (sql: string): Promise<unknown[][]> => {
    const rows: unknown[][] = []
    for (const statement of session.parse(sql)) {
      const result = await session.execute(await session.prepare(statement, []), [])
      if (result.kind !== 'rows') continue
      for await (const batch of result.batches) rows.push(...rowsOf(batch))
    }
    return rows
  }
  await run(`CREATE SOURCE s (n bigint); CREATE MATERIALIZED VIEW v AS SELECT count(*) AS c, sum(n)::bigint AS t FROM s;
    CREATE STREAM doubled AS SELECT n + n AS n FROM s; INSERT INTO s VALUES (1), (2)`)
  await expect.poll(() => run('SELECT count(*) FROM doubled'), { timeout: 20_000 }).toEqual([[2]])
  await expect.poll(() => run('SELECT c FROM v'), { timeout: 20_000 }).toEqual([[2]])
  await workers[0].terminate()
  await expect(run('SELECT c FROM v')).rejects.toMatchObject({ sqlState: expect.stringMatching(/^(57P01|55000)$/) })
  await run('INSERT INTO s VALUES (4)')
  await expect.poll(() => run('SELECT c, t FROM v').catch(() => []), { timeout: 20_000 }).toEqual([[3, 7]])
  await expect.poll(() => run('SELECT n FROM doubled ORDER BY n'), { timeout: 20_000 }).toEqual([[2], [4], [8]])
  expect(await run('SELECT DISTINCT state FROM tidemark.jobs')).toEqual([['running']])

  // Nor does one that dies with nothing in it keep the next statement from a thread.
  await run('DROP MATERIALIZED VIEW v; DROP STREAM doubled')
  await workers[workers.length - 1].terminate()
  expect(await run('SELECT max(n) FROM s')).toEqual([[4]])
})

function rowsOf(batch: Batch): unknown[][] {
  return Array.from({ length: batch.rowCount }, (_, i) => [...rowAt(batch, i)])
}
