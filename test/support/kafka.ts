/**
 * A private real Kafka broker for tests: from Maven Central into a cached folder, on free ports, with its own temporary data.
 * Needs java (17 or newer) and mvn on the PATH; `kafkaMissing()` says what is not there.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const parts = join(import.meta.dirname, '../../.work/parts/kafka')
const clusterId = 'MDEyMzQ1Njc4OWFiY2RlZg'

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>test.kafka</groupId><artifactId>kafka-broker</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <!-- 4.4.0 does not resolve: its kafka-tools are not published. -->
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>4.3.1</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>4.3.1</version>
      <exclusions>
        <exclusion><groupId>org.apache.kafka</groupId><artifactId>connect-runtime</artifactId></exclusion>
        <exclusion><groupId>org.apache.kafka</groupId><artifactId>connect-api</artifactId></exclusion>
        <exclusion><groupId>org.apache.kafka</groupId><artifactId>connect-json</artifactId></exclusion>
      </exclusions>
    </dependency>
    <!-- Binds slf4j 1.7 to log4j 2: without it the broker logs nothing, not even that it is ready. -->
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.25.4</version></dependency>
  </dependencies>
</project>
`

const log4j = (target: string, level: string): string => `status=error
appender.console.type=Console
appender.console.name=OUT
appender.console.target=${target}
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=[%d] %p %m (%c)%n
rootLogger.level=${level}
rootLogger.appenderRef.out.ref=OUT
`

interface Ports {
  readonly port: number
  readonly sasl: number
  readonly tls: number
  readonly mtls: number
  readonly controller: number
}

const serverProperties = (
  { port, sasl, tls, mtls, controller }: Ports,
  secure: boolean,
  dir: string,
  more: string,
): string => `
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:${port},SASL://127.0.0.1:${sasl}${secure ? `,TLS://127.0.0.1:${tls},MTLS://127.0.0.1:${mtls}` : ''},CONTROLLER://127.0.0.1:${controller}
advertised.listeners=PLAINTEXT://127.0.0.1:${port},SASL://127.0.0.1:${sasl}${secure ? `,TLS://127.0.0.1:${tls},MTLS://127.0.0.1:${mtls}` : ''}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SASL_SSL,MTLS:SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
listener.name.sasl.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";
listener.name.tls.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="alice-secret";
listener.name.sasl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
${
  secure
    ? `ssl.keystore.type=PEM
ssl.keystore.location=${join(dir, 'keystore.pem')}
listener.name.mtls.ssl.client.auth=required
listener.name.mtls.ssl.truststore.type=PEM
listener.name.mtls.ssl.truststore.location=${join(dir, 'client.pem')}`
    : ''
}
listener.name.tls.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.tls.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.tls.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="alice-secret";
log.dirs=${join(dir, 'data')}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
default.replication.factor=1
min.insync.replicas=1
num.partitions=1
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
log.segment.delete.delay.ms=0
log.initial.task.delay.ms=500
log.retention.check.interval.ms=1000
log.cleaner.dedupe.buffer.size=4194304
num.network.threads=2
num.io.threads=2
background.threads=2
num.recovery.threads.per.data.dir=1
log.index.size.max.bytes=1048576
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
${more}
`

/** What is missing for a real broker on this machine, and for its certificates where `tls`; undefined when it can run. Throws instead where TIDEMARK_REQUIRE_PARTS=1. */
export function kafkaMissing({ tls = false } = {}): string | undefined {
  const flags = { java: '-version', mvn: '-version', ...(tls ? { openssl: 'version' } : {}) }
  const [missing] = Object.entries(flags).flatMap(([command, flag]) => (runs(command, flag) ? [] : [command]))
  if (missing === undefined) return undefined
  const reason = `${missing} is not on the PATH: tests against a real Kafka do not run`
  if (process.env.TIDEMARK_REQUIRE_PARTS === '1') throw new Error(reason)
  console.warn(`SKIPPED: ${reason}`)
  return reason
}

/** The command is on the PATH and answers. */
export function runs(command: string, flag: string): boolean {
  try {
    execFileSync(command, [flag], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Fetches the jars once; several test processes may call it at a time. */
async function jars(): Promise<string> {
  const lib = join(parts, 'lib-4.3.1')
  if (existsSync(lib)) return lib
  mkdirSync(parts, { recursive: true })
  const work = mkdtempSync(join(parts, 'fetch-'))
  writeFileSync(join(work, 'pom.xml'), pom)
  await run('mvn', [
    '-q',
    '-B',
    '-f',
    join(work, 'pom.xml'),
    'dependency:copy-dependencies',
    `-DoutputDirectory=${join(work, 'lib')}`,
  ])
  try {
    renameSync(join(work, 'lib'), lib)
  } catch (error) {
    if (!existsSync(lib)) throw error // Else another process was first.
  }
  rmSync(work, { recursive: true, force: true })
  return lib
}

/** A key (PKCS 8, encrypted where there is a password) and a certificate signed by itself, as PEM files in `dir`. */
export async function selfSign(dir: string, name: string, subject: string, password?: string): Promise<void> {
  const protection = password === undefined ? ['-nodes'] : ['-passout', `pass:${password}`]
  const files = ['-keyout', join(dir, `${name}-key.pem`), '-out', join(dir, `${name}.pem`)]
  const who = ['-subj', `/CN=${subject}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2']
  await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', ...protection, ...files, ...who])
}

/** What the broker shows, and the only client that its MTLS listener takes. */
async function makeCertificates(dir: string): Promise<void> {
  await Promise.all([selfSign(dir, 'broker', '127.0.0.1'), selfSign(dir, 'client', 'client', 'key-secret')])
  const text = (name: string): string => readFileSync(join(dir, name), 'utf8')
  writeFileSync(join(dir, 'keystore.pem'), text('broker-key.pem') + text('broker.pem'))
}

/** Ports that are free now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
      return server
    }),
  )
  const ports = servers.map(s => (s.address() as { port: number }).port)
  for (const server of servers) server.close()
  return ports
}

/** One broker process at a time on one data folder and fixed ports; killed and started again at will. */
export class KafkaBroker {
  readonly address: string
  /** SASL_PLAINTEXT: PLAIN alice/alice-secret, SCRAM-SHA-256 carol/carol-secret, SCRAM-SHA-512 dave/dave-secret; OAUTHBEARER: unsigned tokens. */
  readonly saslAddress: string
  /** SASL_SSL, for the same users; `certificate` is to be trusted. Only where `start` was asked for it. */
  readonly tlsAddress: string
  /** SSL, for who has `client.pem` and `client-key.pem` (password key-secret) of `dir`. Only where `start` was asked for TLS. */
  readonly mtlsAddress: string
  readonly dir: string
  readonly #lib: string
  #process: ChildProcess | undefined

  private constructor({ port, sasl, tls, mtls }: Ports, dir: string, lib: string) {
    this.address = `127.0.0.1:${port}`
    this.saslAddress = `127.0.0.1:${sasl}`
    this.tlsAddress = `127.0.0.1:${tls}`
    this.mtlsAddress = `127.0.0.1:${mtls}`
    this.dir = dir
    this.#lib = lib
  }

  /** PEM file of the broker's own certificate. */
  get certificate(): string {
    return join(this.dir, 'broker.pem')
  }

  /** A fresh cluster of one node, ready for clients. `more`: further lines of server.properties. `tls` needs openssl. */
  static async start({ more = '', tls = false } = {}): Promise<KafkaBroker> {
    const lib = await jars()
    const dir = mkdtempSync(join(tmpdir(), 'tidemark-kafka-'))
    const [port, sasl, controller, tlsPort, mtls] = await freePorts(5)
    const ports = { port, sasl, controller, tls: tlsPort, mtls }
    if (tls) await makeCertificates(dir)
    writeFileSync(join(dir, 'server.properties'), serverProperties(ports, tls, dir, more))
    writeFileSync(join(dir, 'log4j2.properties'), log4j('SYSTEM_OUT', 'info'))
    writeFileSync(join(dir, 'tools-log4j2.properties'), log4j('SYSTEM_ERR', 'warn'))
    const broker = new KafkaBroker(ports, dir, lib)
    const scram = ['SCRAM-SHA-256=[name=carol,password=carol-secret]', 'SCRAM-SHA-512=[name=dave,password=dave-secret]']
    await broker.tool('kafka.tools.StorageTool', [
      'format',
      '--cluster-id',
      clusterId,
      '--config',
      join(dir, 'server.properties'),
      ...scram.flatMap(user => ['--add-scram', user]),
    ])
    await broker.restart()
    return broker
  }

  /** Starts the process on the data that is there; resolves when it takes clients. */
  async restart(): Promise<void> {
    const logFile = join(this.dir, `broker-${readdirSync(this.dir).length}.log`)
    const out = openSync(logFile, 'w')
    const heap = ['-Xms256m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:MaxDirectMemorySize=128m']
    const config = `-Dlog4j2.configurationFile=${join(this.dir, 'log4j2.properties')}`
    const args = [...heap, '-Djava.awt.headless=true', config, '-cp', join(this.#lib, '*'), 'kafka.Kafka']
    const child = spawn('java', [...args, join(this.dir, 'server.properties')], { stdio: ['ignore', out, out] })
    this.#process = child
    for (;;) {
      const text = readFileSync(logFile, 'utf8')
      if (text.includes('Kafka Server started')) return
      if (child.exitCode !== null) throw new Error(`the broker did not start:\n${text.slice(-3000)}`)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }

  /** kill -9, and waits until it is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** Stops the process in good order and deletes its data. */
  async stop(): Promise<void> {
    // Nobody will need this data again, so there is no reason to wait for an orderly end.
    await this.#end('SIGKILL')
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 3 })
  }

  /** Runs one of Kafka's own command line tools; `input` goes to its standard input. Gives its output. */
  async tool(mainClass: string, args: readonly string[], input = ''): Promise<string> {
    const config = `-Dlog4j2.configurationFile=${join(this.dir, 'tools-log4j2.properties')}`
    const java = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xmx256m', config, '-cp', join(this.#lib, '*')]
    const promise = run('java', [...java, mainClass, ...args], { maxBuffer: 256 << 20 })
    promise.child.stdin?.end(input)
    return (await promise).stdout
  }

  async createTopic(topic: string, partitions: number, config: Readonly<Record<string, string>> = {}): Promise<void> {
    const settings = Object.entries(config).flatMap(([key, value]) => ['--config', `${key}=${value}`])
    const args = ['--create', '--topic', topic, '--partitions', String(partitions), ...settings]
    await this.tool('org.apache.kafka.tools.TopicCommand', ['--bootstrap-server', this.address, ...args])
  }

  /** Values (`key:value` where `keyed`) through the Java console producer. */
  async produce(
    topic: string,
    lines: readonly string[],
    options: { codec?: string; keyed?: boolean } = {},
  ): Promise<void> {
    const args = ['--bootstrap-server', this.address, '--topic', topic, '--compression-codec', options.codec ?? 'none']
    if (options.keyed) args.push('--reader-property', 'parse.key=true', '--reader-property', 'key.separator=:')
    await this.tool('org.apache.kafka.tools.ConsoleProducer', args, `${lines.join('\n')}\n`)
  }

  /** What the Java console consumer prints of a topic from its beginning, committed records only: the first `count`, or all until nothing came for ten seconds. */
  async consume(
    topic: string,
    { count, properties = [] }: { readonly count?: number; readonly properties?: readonly string[] } = {},
  ): Promise<string[]> {
    const args = [
      '--bootstrap-server',
      this.address,
      '--topic',
      topic,
      '--from-beginning',
      '--isolation-level',
      'read_committed',
    ]
    args.push(...properties.flatMap(p => ['--formatter-property', p]))
    args.push(...(count === undefined ? ['--timeout-ms', '10000'] : ['--max-messages', String(count)]))
    const text = await this.tool('org.apache.kafka.tools.consumer.ConsoleConsumer', args)
    return text.split('\n').slice(0, -1)
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (!child || child.exitCode !== null) return
    const gone = new Promise(resolve => child.once('exit', resolve))
    child.kill(signal)
    await gone
  }
}
