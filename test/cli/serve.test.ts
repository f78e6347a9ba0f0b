import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { start, tidemark } from '../support/cli.ts'
import { folderWith } from './support.ts'

const READY = /ready: psql -h (\S+) -p (\d+)/

test('flags come from a file too; the command line wins; Ctrl-C ends with the jobs saved', async () => {
  const cwd = folderWith({
    'tidemark.conf': `# ours\npg_port = 1      # taken\ndata = 'my data'\nlog-level warn\n\ndemo = off\nworkers = 1\n`,
  })
  const server = start(['serve', '--config', 'tidemark.conf', '--pg-port', '0'], { cwd })
  await server.until(READY)
  const port = READY.exec(server.said())?.[2]
  const other = await tidemark(['serve', '--data', 'my data', '--pg-port', '0'], { cwd })
  expect(other.code).toBe(1)
  expect(other.err).toMatch(/^error: data directory my data is in use by another server\nhint: .*--data\n$/)
  const sql = await tidemark(['sql', '--to', `127.0.0.1:${port}`, '-c', 'SELECT count(*) AS n FROM tidemark.jobs'])
  expect(sql).toEqual({ code: 0, out: 'n\n-\n0\n(1 row)\n', err: '' })
  server.child.kill('SIGINT')
  const ended = await server.ended
  expect({ code: ended.code, err: ended.err }).toEqual({ code: 0, err: 'saving the jobs and ending\n' })
})

test('a file of flags with an error says where', async () => {
  const cwd = folderWith({ 'a.conf': 'pg-port = 0\n\nworkrs = 3\n', 'b.conf': 'workers = none', 'c.conf': '= 3' })
  const [name, value, form, none] = await Promise.all(
    ['a.conf', 'b.conf', 'c.conf', 'd.conf'].map(file => tidemark(['serve', '--config', file], { cwd })),
  )
  expect(name).toMatchObject({
    code: 2,
    err: expect.stringMatching(/^error: a.conf, line 3: .*\nhint: did you mean --workers/),
  })
  expect(value).toMatchObject({ code: 2, err: expect.stringMatching(/^error: b.conf, line 1: .*'none'/) })
  expect(form).toMatchObject({ code: 2, err: 'error: c.conf, line 1: "= 3" is not name = value\n' })
  expect(none).toMatchObject({ code: 1, err: 'error: cannot read d.conf: there is no such file\n' })
})

test('a port in use is told', async () => {
  const taken = createServer()
  onTestFinished(() => void taken.close())
  const port = await new Promise<number>(resolve =>
    taken.listen(0, '127.0.0.1', () => {
      const address = taken.address()
      resolve(typeof address === 'object' && address ? address.port : 0)
    }),
  )
  const data = join(folderWith({}), 'data')
  expect(await tidemark(['serve', '--data', data, '--pg-port', String(port)])).toEqual({
    code: 1,
    out: '',
    err: `error: cannot listen on 127.0.0.1:${port}: the port is in use\nhint: another server runs there; take another port, or 0 for any free one\n`,
  })
})
