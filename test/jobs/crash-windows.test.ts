import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { Server } from '../support/server.ts'

/** A server that dies where the test says, on data that outlive it. */
class Doomed extends Server {
  readonly #armed: string

  private constructor(dataDir: string, folder: string) {
    const armed = join(folder, 'armed')
    const preload = pathToFileURL(join(import.meta.dirname, '../support/kill-at.ts')).href
    super(dataDir, ['--workers', '1'], { flags: ['--import', preload], env: { KILL_AT: armed } })
    this.#armed = armed
  }

  static async start(): Promise<Doomed> {
    const folder = mkdtempSync(join(tmpdir(), 'tidemark-doomed-'))
    const server = new Doomed(join(folder, 'data'), folder)
    onTestFinished(async () => {
      await server.stop('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    })
    await server.start()
    return server
  }

  /** The statement makes it die at the point, now or by what it sets going; then it is started again. See kill-at.ts. */
  async diesAt(point: string, statement: string): Promise<void> {
    writeFileSync(this.#armed, point)
    // Whether it is answered first does not matter.
    await this.query(statement).catch(() => {})
    await this.ended
    await this.start()
  }

  async jobs(): Promise<(string | null)[]> {
    return (await this.query('SELECT job FROM tidemark.jobs')).map(([job]) => job)
  }

  /** Column n, in order, once there are rows up to `last`: what came twice came before it. */
  async numbers(relation: string, last: number): Promise<number[]> {
    const rows = await this.until(`SELECT n FROM ${relation} ORDER BY n`, all => all.some(([n]) => n === String(last)))
    return rows.map(([n]) => Number(n))
  }
}

// A sink that knew its output by the number of the checkpoint took the first rounds of a stream made anew for rounds it had written, and
// left them out.
test('CREATE that a kill cuts before its catalog is there leaves nothing; after it, everything', async () => {
  const server = await Doomed.start()
  await server.query('CREATE SOURCE r (n int); CREATE MATERIALIZED VIEW base AS SELECT n FROM r')
  await server.query('INSERT INTO r VALUES (1), (2)')
  await server.numbers('base', 2)
  const stream = 'CREATE STREAM s AS SELECT n + 10 AS n FROM r'
  const view = 'CREATE MATERIALIZED VIEW v AS SELECT n + 20 AS n FROM base'
  await server.diesAt('before catalog.json 1', stream)
  expect(await server.jobs()).not.toContain('s')
  await server.diesAt('after catalog.json 1', stream)
  await server.diesAt('before catalog.json 1', view)
  expect(await server.jobs()).not.toContain('v')
  await server.diesAt('after catalog.json 1', view)
  await server.query('INSERT INTO r VALUES (3)')
  expect(await server.numbers('s', 13)).toEqual([11, 12, 13])
  expect(await server.numbers('v', 23)).toEqual([21, 22, 23])
  expect(await server.numbers('base', 3)).toEqual([1, 2, 3])
}, 120_000)

// With the job ended and its checkpoint deleted before the catalog was stored, a stream was found there after the crash and wrote all its
// output again.
test('DROP that a kill cuts before its catalog is there changes nothing; after it, the name is free', async () => {
  const server = await Doomed.start()
  await server.query('CREATE SOURCE r (n int); CREATE MATERIALIZED VIEW base AS SELECT n FROM r')
  await server.query('CREATE STREAM s AS SELECT n + 10 AS n FROM r')
  await server.query('CREATE MATERIALIZED VIEW v AS SELECT n + 20 AS n FROM base')
  await server.query('INSERT INTO r VALUES (1), (2)')
  await server.numbers('s', 12)
  await server.numbers('v', 22)
  await server.diesAt('before catalog.json 1', 'DROP STREAM s')
  await server.query('INSERT INTO r VALUES (3)')
  expect(await server.numbers('s', 13)).toEqual([11, 12, 13])
  await server.diesAt('after catalog.json 1', 'DROP STREAM s')
  expect(await server.jobs()).not.toContain('s')
  // The view's dataflow goes on with another job: before and after the checkpoint that no longer has the view.
  await server.diesAt('before checkpoints/ 1', 'DROP MATERIALIZED VIEW v')
  expect(await server.jobs()).not.toContain('v')
  await server.query('CREATE MATERIALIZED VIEW v AS SELECT n + 30 AS n FROM base WHERE n > 1')
  expect(await server.numbers('v', 33)).toEqual([32, 33])
  await server.diesAt('after checkpoints/ 1', 'DROP MATERIALIZED VIEW v')
  await server.query('CREATE MATERIALIZED VIEW v AS SELECT n + 40 AS n FROM base')
  await server.query('INSERT INTO r VALUES (4)')
  expect(await server.numbers('v', 44)).toEqual([41, 42, 43, 44])
  expect(await server.numbers('base', 4)).toEqual([1, 2, 3, 4])
}, 120_000)

// A merged dataflow that ran before the catalog told of it wrote on; after a crash its parts went on from before that, and wrote it again.
test('a view over views of two dataflows merges them, or not at all, wherever a kill cuts it', async () => {
  const server = await Doomed.start()
  for (const name of ['a', 'b']) {
    await server.query(`CREATE SOURCE r${name} (n int); CREATE MATERIALIZED VIEW ${name} AS SELECT n FROM r${name}`)
    await server.query(`CREATE SINK s${name} FROM ${name} WITH (connector = 'embedded', topic = 's${name}')`)
    await server.query(`CREATE SOURCE t${name} (n int) WITH (connector = 'embedded', topic = 's${name}')`)
  }
  let last = 0
  const insert = (): Promise<unknown> =>
    server.query(`INSERT INTO ra VALUES (${++last}); INSERT INTO rb VALUES (${last})`)
  const merge = 'CREATE MATERIALIZED VIEW ab AS SELECT n FROM a UNION ALL SELECT n + 1000 AS n FROM b'
  const check = async (): Promise<void> => {
    await insert()
    const all = Array.from({ length: last }, (_, i) => i + 1)
    for (const relation of ['a', 'b', 'ta', 'tb']) expect(await server.numbers(relation, last)).toEqual(all)
  }
  for (const point of ['before checkpoints/ 1', 'after checkpoints/ 1', 'before catalog.json 1']) {
    await check()
    await insert()
    await server.diesAt(point, merge)
    expect(await server.jobs()).not.toContain('ab')
  }
  await check()
  await server.diesAt('after catalog.json 1', merge)
  await check()
  expect((await server.numbers('ab', 1000 + last)).length).toBe(2 * last)
  expect(await server.query(`SELECT count(DISTINCT dataflow) FROM tidemark.jobs`)).toEqual([['1']])
}, 120_000)

// What was prepared and is in the checkpoint is committed by the next start; what is not in it never becomes visible.
test('output is visible once, whether a kill comes before or after the checkpoint it was prepared for', async () => {
  const server = await Doomed.start()
  await server.query('CREATE SOURCE r (n int); CREATE STREAM s AS SELECT n FROM r')
  await server.diesAt('before checkpoints/ 1', 'INSERT INTO r VALUES (1)')
  expect(await server.numbers('s', 1)).toEqual([1])
  await server.diesAt('after checkpoints/ 1', 'INSERT INTO r VALUES (2)')
  expect(await server.numbers('s', 2)).toEqual([1, 2])
  await server.query('INSERT INTO r VALUES (3)')
  expect(await server.numbers('s', 3)).toEqual([1, 2, 3])
}, 120_000)
