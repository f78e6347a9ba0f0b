/**
 * A private real mosquitto broker for tests, on a free port with a temporary folder, and its own command line clients. Needs mosquitto and
 * mosquitto-clients of the system; `mosquittoMissing()` says what is not there.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { pbkdf2Sync } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { freePorts } from './kafka.ts'

const run = promisify(execFile)

/** Also outside the PATH of those who are not root. */
const PROGRAM = existsSync('/usr/sbin/mosquitto') ? '/usr/sbin/mosquitto' : 'mosquitto'

/** What is missing for a real broker on this machine; undefined when it can run. Throws instead where TIDEMARK_REQUIRE_PARTS=1. */
export function mosquittoMissing(): string | undefined {
  const there = (command: string): boolean => {
    try {
      execFileSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  }
  const missing = [PROGRAM, 'mosquitto_pub', 'mosquitto_sub', 'mosquitto_passwd', 'openssl'].find(c => !there(c))
  if (missing === undefined && rightsPlugin() !== undefined) return undefined
  const reason = `${missing ?? 'mosquitto_dynamic_security.so'} is not there: tests against a real MQTT broker do not run`
  if (process.env.TIDEMARK_REQUIRE_PARTS === '1') throw new Error(reason)
  console.warn(`SKIPPED: ${reason}`)
  return reason
}

export interface Published {
  readonly qos?: number
  readonly retain?: boolean
  /** Pairs of name and value; MQTT 5. */
  readonly user?: Readonly<Record<string, string>>
}

export class Mosquitto {
  readonly dir = mkdtempSync(join(tmpdir(), 'tidemark-mqtt-'))
  port = 0
  /** With TLS: server certificate in `cert.pem`, user `tide` with password `s3cret`, or the client certificate `client.pem`. */
  tlsPort = 0
  mutualPort = 0
  /** User `reader`, password `s3cret`, who may read and write below `open/` only. */
  guardedPort = 0
  #process: ChildProcess | undefined

  private constructor() {}

  /** `lasting`: with one listener and every change on disk: with several, this version forgets the sessions of anonymous clients when it starts. */
  static async start({ lasting = false } = {}): Promise<Mosquitto> {
    const broker = new Mosquitto()
    await broker.#prepare(lasting)
    await broker.startAgain()
    return broker
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`
  }

  file(name: string): string {
    return join(this.dir, name)
  }

  /** With the sessions and messages it had when it ended in good order. */
  async startAgain(): Promise<void> {
    const child = spawn(PROGRAM, ['-c', this.file('m.conf')], { cwd: this.dir, stdio: ['ignore', 'ignore', 'pipe'] })
    this.#process = child
    let log = ''
    for await (const line of createInterface({ input: child.stderr })) {
      log += `${line}\n`
      if (line.includes('running')) {
        child.stderr.resume()
        return
      }
    }
    throw new Error(`mosquitto did not start:\n${log}`)
  }

  async shutDown(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise(resolve => child.once('exit', resolve))
    child.kill(signal)
    await gone
  }

  async stop(): Promise<void> {
    await this.shutDown('SIGKILL')
    rmSync(this.dir, { recursive: true, force: true })
  }

  /** One message a value, through mosquitto's own client. Resolves when the broker has them (QoS 1). */
  async publish(topic: string, values: readonly string[], { qos = 1, retain, user }: Published = {}): Promise<void> {
    const properties = Object.entries(user ?? {}).flatMap(pair => ['-D', 'publish', 'user-property', ...pair])
    const flags = ['-V', '5', '-q', String(qos), ...(retain ? ['-r'] : []), ...properties]
    const promise = run('mosquitto_pub', ['-p', String(this.port), '-t', topic, '-l', ...flags])
    promise.child.stdin?.end(values.map(v => `${v}\n`).join(''))
    await promise
  }

  /** What mosquitto's own client sees of `filter` from now on; resolves when it has subscribed. */
  async subscribe(filter: string, format = '%t %p', flags: readonly string[] = []): Promise<Subscriber> {
    const args = ['-p', String(this.port), '-t', filter, '-q', '1', '-F', format, '-V', '5', '-d', ...flags]
    // -d says when the subscription stands; its lines begin as no format here does.
    const child = spawn('stdbuf', ['-oL', 'mosquitto_sub', ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    const subscriber = new Subscriber(child)
    await subscriber.ready
    return subscriber
  }

  async #prepare(lasting: boolean): Promise<void> {
    const { dir } = this
    const ports = await freePorts(4)
    this.port = ports[0]
    this.tlsPort = ports[1]
    this.mutualPort = ports[2]
    this.guardedPort = ports[3]
    await certificates(dir)
    await run('mosquitto_passwd', ['-b', '-c', this.file('passwd'), 'tide', 's3cret'])
    writeFileSync(this.file('rights.json'), rights())
    const lines = [
      ...(process.getuid?.() === 0 ? ['user root'] : []),
      ...['persistence true', `persistence_location ${dir}/`, 'log_dest stderr', 'max_queued_messages 100000'],
      ...(lasting
        ? ['autosave_interval 1', 'autosave_on_changes true', `listener ${this.port} 127.0.0.1`, 'allow_anonymous true']
        : ['per_listener_settings true', ...this.#listeners()]),
    ]
    writeFileSync(this.file('m.conf'), `${lines.join('\n')}\n`)
  }

  #listeners(): string[] {
    const { dir } = this
    return [
      `listener ${this.port} 127.0.0.1`,
      'allow_anonymous true',
      `listener ${this.tlsPort} 127.0.0.1`,
      ...[`certfile ${dir}/cert.pem`, `keyfile ${dir}/key.pem`, `password_file ${dir}/passwd`, 'allow_anonymous false'],
      `listener ${this.mutualPort} 127.0.0.1`,
      ...[`certfile ${dir}/cert.pem`, `keyfile ${dir}/key.pem`, `cafile ${dir}/client.pem`],
      ...['require_certificate true', 'use_identity_as_username true'],
      `listener ${this.guardedPort} 127.0.0.1`,
      ...[`plugin ${rightsPlugin()}`, `plugin_opt_config_file ${dir}/rights.json`, 'allow_anonymous false'],
    ]
  }
}

/** A running mosquitto_sub. */
export class Subscriber {
  readonly lines: string[] = []
  readonly ready: Promise<void>
  readonly #child: ChildProcess
  #waiting: (() => void)[] = []

  constructor(child: ChildProcess) {
    this.#child = child
    const { promise, resolve } = Promise.withResolvers<void>()
    this.ready = promise
    if (!child.stdout) throw new Error('no output')
    createInterface({ input: child.stdout }).on('line', line => {
      if (line.startsWith('Subscribed')) resolve()
      else if (!/^(Client |Subscribed)/.test(line)) this.lines.push(line)
      for (const waiting of this.#waiting.splice(0)) waiting()
    })
  }

  /** Until there are so many lines. */
  async until(count: number): Promise<string[]> {
    while (this.lines.length < count) await new Promise<void>(resolve => this.#waiting.push(resolve))
    return this.lines
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = new Promise(resolve => this.#child.once('exit', resolve))
    this.#child.kill('SIGKILL')
    await gone
  }
}

async function certificates(dir: string): Promise<void> {
  const common = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30']
  const names = ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const make = (subject: string, key: string, cert: string, extra: readonly string[]) =>
    run('openssl', [...common, '-subj', `/CN=${subject}`, '-keyout', join(dir, key), '-out', join(dir, cert), ...extra])
  await Promise.all([
    make('localhost', 'key.pem', 'cert.pem', names),
    make('device', 'client-key.pem', 'client.pem', []),
  ])
}

/** Where the system keeps the plugin that knows rights to subscribe; an ACL file of mosquitto lets everyone subscribe, and gives nothing. */
function rightsPlugin(): string | undefined {
  return readdirSync('/usr/lib')
    .map(folder => join('/usr/lib', folder, 'mosquitto_dynamic_security.so'))
    .find(existsSync)
}

/** As `mosquitto_ctrl dynsec` writes it. */
function rights(): string {
  const salt = 'twelve bytes'
  const password = pbkdf2Sync('s3cret', salt, 101, 64, 'sha512').toString('base64')
  const secret = { password, salt: Buffer.from(salt).toString('base64'), iterations: 101 }
  const acls = ['publishClientSend', 'subscribePattern'].map(acltype => ({ acltype, topic: 'open/#', allow: true }))
  return JSON.stringify({
    clients: [{ username: 'reader', ...secret, roles: [{ rolename: 'open' }] }],
    roles: [{ rolename: 'open', acls }],
    defaultACLAccess: { publishClientSend: false, publishClientReceive: true, subscribe: false, unsubscribe: true },
  })
}

/** A cable between a client and a port of this machine, that can be cut. */
export class Cable {
  port = 0
  readonly #to: number
  #server: Server | undefined
  readonly #sockets = new Set<Socket>()

  constructor(to: number) {
    this.#to = to
  }

  async plug(): Promise<void> {
    const server = createServer(near => {
      const far = connect(this.#to, '127.0.0.1')
      for (const [one, other] of [
        [near, far],
        [far, near],
      ]) {
        this.#sockets.add(one)
        one.on('error', () => other.destroy())
        one.on('close', () => {
          this.#sockets.delete(one)
          other.destroy()
        })
        one.pipe(other)
      }
    })
    this.#server = server
    await new Promise<void>(resolve => server.listen(this.port, '127.0.0.1', resolve))
    const address = server.address()
    if (address !== null && typeof address === 'object') this.port = address.port
  }

  /** Cuts what is connected, and refuses whoever tries again. */
  async cut(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (!server) return
    const closed = new Promise(resolve => server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}
