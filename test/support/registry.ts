/**
 * A real schema registry for tests, with Confluent's REST API: Apicurio, from Maven Central into a cached folder, on a free port, in
 * memory. Needs java (17 or newer) and mvn, as `kafkaMissing()` says.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePorts } from './kafka.ts'

const run = promisify(execFile)
const parts = join(import.meta.dirname, '../../.work/parts/registry')
// 3.3 and later need Java 21.
const artifact = 'io.apicurio:apicurio-registry-app:3.0.9:tar.gz:all'

/** Fetches the program once; several test processes may call it at a time. */
async function program(): Promise<string> {
  const home = join(parts, 'apicurio-3.0.9')
  if (existsSync(home)) return home
  mkdirSync(parts, { recursive: true })
  const work = mkdtempSync(join(parts, 'fetch-'))
  const where = [`-DoutputDirectory=${join(work, 'app')}`, `-Dproject.basedir=${work}`]
  await run('mvn', ['-q', '-B', 'dependency:unpack', `-Dartifact=${artifact}`, ...where], { cwd: work })
  try {
    renameSync(join(work, 'app'), home)
  } catch (error) {
    if (!existsSync(home)) throw error // Else another process was first.
  }
  rmSync(work, { recursive: true, force: true })
  return home
}

export class Registry {
  /** What goes into schema_registry. */
  readonly url: string
  readonly #port: number
  #process: ChildProcess | undefined

  private constructor(port: number) {
    this.#port = port
    this.url = `http://127.0.0.1:${port}/apis/ccompat/v7`
  }

  static async start(): Promise<Registry> {
    const [port] = await freePorts(1)
    const registry = new Registry(port)
    await registry.restart()
    return registry
  }

  /** Starts an empty one; resolves when it answers. */
  async restart(): Promise<void> {
    const home = await program()
    const [jar] = readdirSync(home).filter(name => name.endsWith('-runner.jar'))
    const heap = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
    const where = ['-Dquarkus.http.host=127.0.0.1', `-Dquarkus.http.port=${this.#port}`]
    const child = spawn('java', [...heap, ...where, '-jar', jar], { cwd: home, stdio: 'ignore' })
    this.#process = child
    for (;;) {
      if (child.exitCode !== null) throw new Error('the schema registry did not start')
      const answer = await fetch(`${this.url}/subjects`).catch(() => undefined)
      if (answer?.ok) break
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    // Confluent's default; this one's is NONE.
    await this.#send('PUT', '/config', { compatibility: 'BACKWARD' })
  }

  /** Registers a schema; answers its id. */
  async register(
    subject: string,
    schema: unknown,
    references: readonly { name: string; subject: string; version: number }[] = [],
  ): Promise<number> {
    const body = { schema: JSON.stringify(schema), references }
    const { id } = await this.#send('POST', `/subjects/${encodeURIComponent(subject)}/versions`, body)
    return Number(id)
  }

  async stop(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (!child || child.exitCode !== null) return
    const gone = new Promise(resolve => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }

  async #send(method: string, path: string, body: unknown): Promise<{ readonly [name: string]: unknown }> {
    const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' }
    const answer = await fetch(`${this.url}${path}`, { method, headers, body: JSON.stringify(body) })
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
    return (await answer.json()) as { readonly [name: string]: unknown }
  }
}
