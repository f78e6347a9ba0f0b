import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'
import { onTestFinished } from 'vitest'

/** For Node itself, around the program. */
export interface NodeOptions {
  readonly flags: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** A real server process on a free port, with a data directory of its own unless one is given. */
export class Server {
  readonly dataDir: string
  port = 0
  #process: ChildProcess | undefined
  #flags: readonly string[]
  #node: NodeOptions
  output = ''

  constructor(dataDir: string, flags: readonly string[] = [], node: NodeOptions = { flags: [] }) {
    this.dataDir = dataDir
    this.#flags = flags
    this.#node = node
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  /** Resolves when it says that it is ready. */
  async start(): Promise<void> {
    const main = join(import.meta.dirname, '../../src/main.js')
    const serve = [main, 'serve', '--data', this.dataDir, '--pg-port', '0', '--log-level', 'warn', ...this.#flags]
    const child = spawn(process.execPath, [...this.#node.flags, ...serve], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...this.#node.env },
    })
    this.#process = child
    child.stderr.on('data', chunk => {
      this.output += chunk
    })
    for await (const line of createInterface({ input: child.stdout })) {
      this.output += `${line}\n`
      const ready = /ready: psql -h \S+ -p (\d+)/.exec(line)
      if (ready) {
        this.port = Number(ready[1])
        return
      }
    }
    throw new Error(`the server ended before it was ready:\n${this.output}`)
  }

  /** Resolves when the process is gone, of itself too. */
  get ended(): Promise<void> {
    const child = this.#process
    return new Promise(resolve => {
      if (!child || child.exitCode !== null || child.signalCode !== null) resolve()
      else child.once('exit', () => resolve())
    })
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#process
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const { ended } = this
    child.kill(signal)
    await ended
  }

  async connect(): Promise<pg.Client> {
    const client = new pg.Client({ host: '127.0.0.1', port: this.port, user: 'tidemark', database: 'tidemark' })
    client.on('error', () => {}) // the server is killed under it on purpose
    await client.connect()
    return client
  }

  /** One statement on a connection of its own; values as text. */
  async query(text: string): Promise<(string | null)[][]> {
    const client = await this.connect()
    try {
      const types = { getTypeParser: () => (value: string) => value }
      const { rows } = await client.query({ text, rowMode: 'array', types })
      return rows
    } finally {
      await client.end()
    }
  }

  /** Asks again until `accept` likes the answer; the test's own time-out is the limit. */
  async until(text: string, accept: (rows: (string | null)[][]) => boolean): Promise<(string | null)[][]> {
    for (;;) {
      const rows = await this.query(text)
      if (accept(rows)) return rows
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }
}

/** Starts a server that ends with the test; its data goes too. */
export async function startServer(...flags: string[]): Promise<Server> {
  const dataDir = mkdtempSync(join(tmpdir(), 'tidemark-test-'))
  const server = new Server(dataDir, flags)
  onTestFinished(async () => {
    await server.stop('SIGKILL')
    rmSync(dataDir, { recursive: true, force: true })
  })
  await server.start()
  return server
}
