/**
 * A private real Pulsar standalone broker for tests: from Maven Central into a cached folder, on free ports, with its own
 * temporary data, and its own Java client to write with. Whoever shows nothing of himself is a super user, so that one broker does
 * for tests with and without logins. Needs a JDK (17 or newer), mvn, tar and openssl on the PATH; `pulsarMissing()` says what is
 * not there.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { freePorts, runs } from './kafka.ts'

const run = promisify(execFile)
const parts = join(import.meta.dirname, '../../.work/parts/pulsar')
const version = '4.0.8'

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>test.pulsar</groupId><artifactId>pulsar-broker</artifactId><version>1</version><packaging>pom</packaging>
  <build><plugins><plugin>
    <groupId>org.apache.maven.plugins</groupId><artifactId>maven-dependency-plugin</artifactId><version>3.6.1</version>
    <configuration><artifactItems><artifactItem>
      <groupId>org.apache.pulsar</groupId><artifactId>pulsar-server-distribution</artifactId><version>${version}</version>
      <classifier>bin</classifier><type>tar.gz</type>
    </artifactItem></artifactItems></configuration>
  </plugin></plugins></build>
</project>
`

/** One bookie, small pools and caches, no balancing. The last lines keep the bookie off 0.0.0.0 and on its port. */
const standalone = (ports: readonly number[], dir: string): string => `clusterName=standalone
bindAddress=127.0.0.1
advertisedAddress=127.0.0.1
brokerServicePort=${ports[0]}
webServicePort=${ports[1]}
brokerServicePortTls=${ports[3]}
webServicePortTls=${ports[4]}
tlsCertificateFilePath=${dir}/server.pem
tlsKeyFilePath=${dir}/server.key
tlsTrustCertsFilePath=${dir}/ca.pem
authenticationEnabled=true
authenticationProviders=org.apache.pulsar.broker.authentication.AuthenticationProviderToken,org.apache.pulsar.broker.authentication.AuthenticationProviderTls
tokenSecretKey=file://${dir}/secret.key
authorizationEnabled=true
superUserRoles=admin,nobody
anonymousUserRole=nobody
transactionCoordinatorEnabled=true
acknowledgmentAtBatchIndexLevelEnabled=true
managedLedgerDefaultEnsembleSize=1
managedLedgerDefaultWriteQuorum=1
managedLedgerDefaultAckQuorum=1
numIOThreads=2
numHttpServerThreads=8
numOrderedExecutorThreads=2
numExecutorThreadPoolSize=2
numCacheExecutorThreadPoolSize=2
managedLedgerCacheSizeMB=32
managedLedgerNumSchedulerThreads=2
webSocketServiceEnabled=false
loadBalancerEnabled=false
loadManagerClassName=org.apache.pulsar.broker.loadbalance.NoopLoadManager
defaultNumberOfNamespaceBundles=1
allowAutoTopicCreation=true
allowAutoTopicCreationType=non-partitioned
brokerDeleteInactiveTopicsEnabled=false
defaultRetentionTimeInMinutes=600
defaultRetentionSizeInMB=100
backlogQuotaDefaultLimitBytes=1000000
systemTopicEnabled=true
topicLevelPoliciesEnabled=true
brokerShutdownTimeoutMs=1000
ledgerStorageClass=org.apache.bookkeeper.bookie.storage.ldb.DbLedgerStorage
dbStorage_writeCacheMaxSizeMb=32
dbStorage_readAheadCacheMaxSizeMb=16
dbStorage_rocksDB_blockCacheSize=8388608
journalMaxGroupWaitMSec=1
journalSyncData=false
journalMaxSizeMB=64
journalPreAllocSizeMB=4
nettyMaxFrameSizeBytes=5253120
diskUsageThreshold=0.99
diskUsageWarnThreshold=0.98
allowLoopback=true
listeningInterface=lo
allowEphemeralPorts=true
`

const OPENS = ['java.base/java.io', 'java.base/java.util.zip', 'java.base/java.nio', 'java.base/jdk.internal.misc']
const MORE_OPENS = ['java.base/jdk.internal.platform', 'java.management/sun.management']
const SMALL = ['-Xms64m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:+PerfDisableSharedMem']

/** What is missing for a real broker on this machine; undefined when it can run. Throws instead where TIDEMARK_REQUIRE_PARTS=1. */
export function pulsarMissing(): string | undefined {
  const flags = { java: '-version', javac: '-version', mvn: '-version', tar: '--version', openssl: 'version' }
  const missing = Object.entries(flags).find(([command, flag]) => !runs(command, flag))
  if (missing === undefined) return undefined
  const reason = `${missing[0]} is not on the PATH: tests against a real Pulsar do not run`
  if (process.env.TIDEMARK_REQUIRE_PARTS === '1') throw new Error(reason)
  console.warn(`SKIPPED: ${reason}`)
  return reason
}

/** Fetches the distribution once; several test processes may call it at a time. Gives the folder of jars. */
async function jars(): Promise<string> {
  const home = join(parts, `apache-pulsar-${version}`)
  if (existsSync(home)) return join(home, 'lib')
  mkdirSync(parts, { recursive: true })
  const work = mkdtempSync(join(parts, 'fetch-'))
  writeFileSync(join(work, 'pom.xml'), pom)
  await run('mvn', ['-q', '-B', '-f', join(work, 'pom.xml'), 'dependency:copy', `-DoutputDirectory=${work}`])
  await run('tar', ['-xzf', join(work, `pulsar-server-distribution-${version}-bin.tar.gz`), '-C', work])
  try {
    renameSync(join(work, `apache-pulsar-${version}`), home)
  } catch (error) {
    if (!existsSync(home)) throw error // Else another process was first.
  }
  rmSync(work, { recursive: true, force: true })
  return join(home, 'lib')
}

/** A message to write; the value null is a tombstone. A key that begins with `bytes:` is sent as bytes. */
export interface Message {
  readonly value: string | null
  readonly key?: string
  readonly eventMs?: number
  readonly property?: string
}

/** A message as Java's client reads it; `null`: no value, no key. */
export interface ReadMessage {
  readonly partition: number
  readonly key: string | null
  /** 0: none. */
  readonly eventMs: number
  readonly properties: string
  readonly value: string | null
}

/** One broker process at a time on one data folder and fixed ports; ended and started again at will. */
export class PulsarBroker {
  readonly url: string
  readonly urlTls: string
  readonly adminUrl: string
  readonly adminUrlTls: string
  /** Holds ca.pem, client.pem and client.key (of the role `device`). */
  readonly dir: string
  /** Folder of Pulsar's jars. */
  readonly lib: string
  readonly #secret: Buffer
  readonly #bookiePort: number
  #process: ChildProcess | undefined
  #feeder: ChildProcess | undefined
  #answers: AsyncIterator<string> | undefined

  private constructor([port, http, bookie, tls, https]: readonly number[], secret: Buffer, dir: string, lib: string) {
    this.url = `pulsar://127.0.0.1:${port}`
    this.urlTls = `pulsar+ssl://localhost:${tls}`
    this.adminUrl = `http://127.0.0.1:${http}`
    this.adminUrlTls = `https://localhost:${https}`
    this.#secret = secret
    this.#bookiePort = bookie
    this.dir = dir
    this.lib = lib
  }

  static async start(): Promise<PulsarBroker> {
    const lib = await jars()
    const dir = mkdtempSync(join(tmpdir(), 'tidemark-pulsar-'))
    const ports = await freePorts(5)
    const secret = randomBytes(32)
    writeFileSync(join(dir, 'secret.key'), secret)
    makeCertificates(dir)
    writeFileSync(join(dir, 'standalone.conf'), standalone(ports, dir))
    writeFileSync(join(dir, 'log4j2.properties'), 'status=error\nrootLogger.level=error\n')
    const broker = new PulsarBroker(ports, secret, dir, lib)
    await broker.restart()
    return broker
  }

  /** Starts the process on the data that is there; resolves when it takes clients. */
  async restart(): Promise<void> {
    const logFile = join(this.dir, 'pulsar.log')
    const out = openSync(logFile, 'a')
    const config = `-Dlog4j.configurationFile=${join(this.dir, 'log4j2.properties')}`
    const drivers = 'org.apache.pulsar.metadata.bookkeeper.PulsarMetadata'
    const child = spawn(
      'java',
      [
        ...['-cp', join(this.lib, '*'), ...SMALL, '-Xmx192m', '-XX:MaxDirectMemorySize=192m'],
        ...[...OPENS, ...MORE_OPENS].flatMap(each => ['--add-opens', `${each}=ALL-UNNAMED`]),
        ...['-Dio.netty.allocator.numDirectArenas=2', '-Dio.netty.tryReflectionSetAccessible=true'],
        `-Dbookkeeper.metadata.bookie.drivers=${drivers}BookieDriver`,
        `-Dbookkeeper.metadata.client.drivers=${drivers}ClientDriver`,
        ...['-Djava.net.preferIPv4Stack=true', '-Dlog4j.shutdownHookEnabled=false', config],
        ...['org.apache.pulsar.PulsarStandaloneStarter', '--config', join(this.dir, 'standalone.conf')],
        ...['-nfw', '-nss', '-a', '127.0.0.1', '--metadata-dir', join(this.dir, 'metadata')],
        ...['--bookkeeper-dir', join(this.dir, 'bookkeeper'), '--bookkeeper-port', String(this.#bookiePort)],
      ],
      { cwd: this.dir, stdio: ['ignore', out, out] },
    )
    this.#process = child
    for (;;) {
      // This namespace is made last, after both ports serve.
      const there = await this.ask('GET', 'namespaces/public/default').catch(() => undefined)
      if (there) return
      if (child.exitCode !== null)
        throw new Error(`the broker did not start:\n${readFileSync(logFile, 'utf8').slice(-3000)}`)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }

  /** In good order: after kill -9 the next start waits 15 s and more for the old bookie's session to expire. */
  async shutDown(): Promise<void> {
    await end(this.#process, 'SIGTERM')
  }

  /** Ends both processes and deletes the data, which nobody will need again. */
  async stop(): Promise<void> {
    await Promise.all([end(this.#process), end(this.#feeder)])
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 3 })
  }

  /** `topic` as `tenant/namespace/topic`; 0 partitions: a topic without. */
  async createTopic(topic: string, partitions: number): Promise<void> {
    if (partitions === 0) await this.ask('PUT', `persistent/${topic}`)
    else await this.ask('PUT', `persistent/${topic}/partitions`, String(partitions))
  }

  async addPartitions(topic: string, partitions: number): Promise<void> {
    await this.ask('POST', `persistent/${topic}/partitions`, String(partitions))
  }

  /** The broker gives the topic away, as when its load is shared out anew. */
  async unload(topic: string): Promise<void> {
    await this.ask('PUT', `persistent/${topic}/unload`)
  }

  /** Through Pulsar's own Java client; `batch` 0: no batches; a codec may end in '/murmur3', or '/chunked' for pieces of 100 bytes. Gives the message ids as Java prints them. */
  produce(topic: string, messages: readonly Message[], codec = 'NONE', batch = 5): Promise<string[]> {
    const fields = messages.flatMap(m => [m.value ?? '~', m.key ?? '~', m.eventMs ?? '~', m.property ?? '~'])
    return this.#feed([topic, codec, batch, ...fields])
  }

  /** With a schema that is registered: rows of a text in the first field and a number in the second. */
  async produceRecords(
    topic: string,
    type: 'AVRO' | 'JSON',
    schema: object,
    rows: readonly (readonly [string, number])[],
  ): Promise<void> {
    await this.#feed(['avro', topic, type, JSON.stringify(schema), ...rows.flat()])
  }

  /** All messages of a topic as Java reads them. A key that is no text begins with `bytes:`, its bytes as Latin-1; properties as Java prints a map. */
  async read(topic: string): Promise<ReadMessage[]> {
    const fields = (await this.#feed(['read', topic])).map(field => Buffer.from(field, 'base64').toString())
    return Array.from({ length: fields.length / 5 }, (_, i) => {
      const [name, key, eventMs, properties, value] = fields.slice(5 * i, 5 * i + 5)
      const partition = Number(/-partition-(\d+)$/.exec(name)?.[1] ?? 0)
      const absent = (text: string): string | null => (text === '~' ? null : text)
      return { partition, key: absent(key), eventMs: Number(eventMs), properties, value: absent(value) }
    })
  }

  /** One command at a time: answers come in order. */
  async #feed(fields: readonly (string | number)[]): Promise<string[]> {
    if (!this.#feeder) {
      const config = `-Dlog4j.configurationFile=${join(this.dir, 'log4j2.properties')}`
      const args = [...SMALL, '-Xmx128m', config, '-cp', join(this.lib, '*')]
      const source = join(import.meta.dirname, 'PulsarFeeder.java')
      this.#feeder = spawn('java', [...args, source, this.url], { stdio: ['pipe', 'pipe', 'inherit'] })
      const { stdout } = this.#feeder
      if (!stdout) throw new Error('no output')
      this.#answers = createInterface({ input: stdout })[Symbol.asyncIterator]()
    }
    this.#feeder.stdin?.write(`${fields.join('\t')}\n`)
    const answer = await this.#answers?.next()
    const [ok, ...rest] = String(answer?.value).split('\t')
    if (ok !== 'ok') throw new Error(`${fields.slice(0, 2).join(' ')}: ${answer?.value}`)
    return rest
  }

  /** What the administration answers at a path below /admin/v2; throws what it refuses. */
  async ask(method: string, path: string, body = ''): Promise<unknown> {
    const headers = { 'Content-Type': 'application/json' }
    const response = await fetch(`${this.adminUrl}/admin/v2/${path}`, {
      method,
      headers,
      body: method === 'GET' ? undefined : body,
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return text === '' ? null : JSON.parse(text)
  }

  /** A token for a role; `admin` may do everything. */
  token(role: string): string {
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: role })}`
    return `${signed}.${createHmac('sha256', this.#secret).update(signed).digest('base64url')}`
  }
}

/** An authority, a certificate of it for this machine, and one for the role `device`. */
function makeCertificates(dir: string): void {
  const openssl = (...args: string[]): void =>
    void execFileSync('openssl', args, { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] })
  const key = ['-newkey', 'rsa:2048', '-nodes']
  openssl('req', '-x509', ...key, '-days', '30', '-subj', '/CN=test-ca', '-keyout', 'ca.key', '-out', 'ca.pem')
  writeFileSync(join(dir, 'names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
  for (const [file, name] of [
    ['server', 'localhost'],
    ['client', 'device'],
  ]) {
    openssl('req', ...key, '-subj', `/CN=${name}`, '-keyout', `${file}.key`, '-out', `${file}.csr`)
    const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '30', '-extfile', 'names']
    openssl('x509', '-req', '-in', `${file}.csr`, ...by, '-out', `${file}.pem`)
  }
}

async function end(child: ChildProcess | undefined, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise(resolve => child.once('exit', resolve))
  child.kill(signal)
  await gone
}
