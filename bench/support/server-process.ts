import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import pg from 'pg'
import { assert } from '../../src/base/assert.ts'

/** A real server in a process of its own, on a fresh data directory. */
export class ServerProcess {
  readonly #process: ChildProcess
  readonly #dataDir: string
  readonly #port: number

  private constructor(child: ChildProcess, dataDir: string, port: number) {
    this.#process = child
    this.#dataDir = dataDir
    this.#port = port
  }

  /** Resolves when it takes clients. */
  static async start(...flags: string[]): Promise<ServerProcess> {
    return await ServerProcess.#start(['--log-level', 'error', ...flags], 'inherit')
  }

  /** The same, with every pause of its threads noted in `stalls` and its log, checkpoints included, in `log`. */
  static async startWatched(stalls: string, log: string): Promise<ServerProcess> {
    const preload = pathToFileURL(join(import.meta.dirname, 'stalls.ts')).href
    const env = { ...process.env, STALLS: stalls, NODE_OPTIONS: `--import ${preload}` }
    return await ServerProcess.#start(['--log-level', 'debug'], openSync(log, 'w'), env)
  }

  static async #start(flags: readonly string[], stderr: 'inherit' | number, env = process.env): Promise<ServerProcess> {
    const dataDir = mkdtempSync(join(tmpdir(), 'tidemark-bench-'))
    const main = join(import.meta.dirname, '../../src/main.js')
    const args = [main, 'serve', '--data', dataDir, '--pg-port', '0', ...flags]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', stderr], env })
    const { stdout } = child
    assert(stdout !== null, 'it is a pipe')
    for await (const line of createInterface({ input: stdout })) {
      const ready = /ready: psql -h \S+ -p (\d+)/.exec(line)
      if (ready) return new ServerProcess(child, dataDir, Number(ready[1]))
    }
    throw new Error('the server ended before it was ready')
  }

  async connect(): Promise<pg.Client> {
    const client = new pg.Client({ host: '127.0.0.1', port: this.#port, user: 'tidemark', database: 'tidemark' })
    await client.connect()
    return client
  }

  /** One statement; rows as arrays. */
  async query(text: string): Promise<unknown[][]> {
    const client = await this.connect()
    try {
      return (await client.query({ text, rowMode: 'array' })).rows
    } finally {
      await client.end()
    }
  }

  /** Asks again until the answer is liked. */
  async until(text: string, accept: (rows: unknown[][]) => boolean, everyMs = 20): Promise<void> {
    while (!accept(await this.query(text))) await new Promise(resolve => setTimeout(resolve, everyMs))
  }

  /** Memory of the process in use, MB. */
  get residentMb(): number {
    const status = readFileSync(`/proc/${this.#process.pid}/status`, 'utf8')
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024
  }

  /** CPU time of all its threads so far. */
  get cpuSeconds(): number {
    const [user, system] = readFileSync(`/proc/${this.#process.pid}/stat`, 'utf8')
      .split(') ')[1]
      .split(' ')
      .slice(11, 13)
    return (Number(user) + Number(system)) / 100
  }

  async stop(): Promise<void> {
    const ended = new Promise(resolve => this.#process.once('exit', resolve))
    this.#process.kill('SIGKILL')
    await ended
    rmSync(this.#dataDir, { recursive: true, force: true })
  }
}
