/** Avro on a real Kafka with a real schema registry, from the outside. */
import { createServer, type Socket, connect as tcpConnect } from 'node:net'
import avsc from 'avsc'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { KafkaBroker, kafkaMissing } from '../support/kafka.ts'
import { Registry } from '../support/registry.ts'
import { type Server, startServer } from '../support/server.ts'

const missing = kafkaMissing()
let broker: KafkaBroker
let registry: Registry
beforeAll(async () => {
  if (!missing) [broker, registry] = await Promise.all([KafkaBroker.start(), Registry.start()])
})
afterAll(() => Promise.all([broker?.stop(), registry?.stop()]))

const first = {
  type: 'record',
  name: 'Reading',
  fields: [
    { name: 'device', type: 'string' },
    { name: 'temperature', type: ['null', 'double'], default: null },
    { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
  ],
}
/** A later version: one field went, two came, one of them before the others. */
const second = {
  type: 'record',
  name: 'Reading',
  fields: [
    { name: 'firmware', type: 'string', default: '' },
    { name: 'device', type: 'string' },
    { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: 'humidity', type: ['null', 'float'], default: null },
  ],
}

/** A record as Confluent's serializers write it, as a SQL literal. */
function record(id: number, schema: unknown, value: unknown): string {
  const header = Buffer.from([0, 0, 0, 0, 0])
  header.writeUInt32BE(id, 1)
  const body = avsc.Type.forSchema(schema as avsc.Schema, { wrapUnions: false }).toBuffer(value)
  return `('\\x${Buffer.concat([header, body]).toString('hex')}')`
}

const kafka = (topic: string): string => `connector = 'kafka', brokers = '${broker.address}', topic = '${topic}'`

/** A topic to insert raw bytes into. */
async function rawTopic(server: Server, topic: string): Promise<void> {
  await broker.createTopic(topic, 1)
  await server.query(`CREATE SOURCE raw_${topic} (value bytea) WITH (${kafka(topic)}, format = 'bytes')`)
}

/** A way to the registry that can be cut. */
async function cuttable(): Promise<{ url: string; cut(): void; mend(): void }> {
  let open = true
  const sockets = new Set<Socket>()
  const target = new URL(registry.url)
  const proxy = createServer(socket => {
    if (!open) {
      socket.destroy()
      return
    }
    const through = tcpConnect(Number(target.port), target.hostname)
    sockets.add(socket)
    for (const [a, b] of [
      [socket, through],
      [through, socket],
    ] as const) {
      a.on('error', () => b.destroy())
      a.pipe(b)
    }
  })
  await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void proxy.close())
  const { port } = proxy.address() as { port: number }
  return {
    url: registry.url.replace(target.port, String(port)),
    cut: () => {
      open = false
      for (const socket of sockets) socket.destroy()
    },
    mend: () => {
      open = true
    },
  }
}

describe.skipIf(missing)('Avro with a schema registry', () => {
  test('columns from the registry, a schema that changes while the job runs, bad records', async () => {
    const id = await registry.register('evolving-value', first)
    const server = await startServer()
    await rawTopic(server, 'evolving')
    const at = 1_700_000_000_000
    const old = (device: string, temperature: number | null) => record(id, first, { device, temperature, at })
    await server.query(`INSERT INTO raw_evolving VALUES ${old('d1', 20.5)}, ${old('d2', null)}`)
    await server.query(
      `CREATE SOURCE readings WITH (${kafka('evolving')}, format = 'avro', schema_registry = '${registry.url}')`,
    )
    expect((await server.query('DESCRIBE readings')).map(row => row.slice(0, 2))).toEqual([
      ['device', 'text'],
      ['temperature', 'double precision'],
      ['at', 'timestamp with time zone'],
    ])
    await server.query('CREATE MATERIALIZED VIEW v AS SELECT device, temperature, at FROM readings')
    await server.until('SELECT count(*) FROM v', ([[n]]) => n === '2')

    const newer = await registry.register('evolving-value', second)
    expect(newer).not.toBe(id)
    const young = record(newer, second, { firmware: '1.2', device: 'd3', at: at + 1, humidity: 40 })
    const garbage = ["('\\x00000f423f0102')", "('\\x7b7d')", "('\\x00')", old('d1', 1).replace("')", "00')")]
    await server.query(`INSERT INTO raw_evolving VALUES ${young}, ${garbage.join(', ')}, ${old('d4', -1)}`)
    await server.until('SELECT count(*) FROM v', ([[n]]) => n === '4')
    expect(await server.query('SELECT device, temperature, at FROM v ORDER BY device')).toEqual([
      ['d1', '20.5', '2023-11-14 22:13:20+00'],
      ['d2', null, '2023-11-14 22:13:20+00'],
      ['d3', null, '2023-11-14 22:13:20.001+00'],
      ['d4', '-1', '2023-11-14 22:13:20+00'],
    ])
    const bad = await server.until(
      'SELECT "offset", reason FROM tidemark.bad_rows ORDER BY "offset"',
      rows => rows.length === 4,
    )
    expect(bad.map(row => row[0])).toEqual(['3', '4', '5', '6'])
    expect(bad[0][1]).toContain('schema 999999 is not in the schema registry')
    expect(bad[1][1]).toContain('does not begin with a zero byte')
    expect(bad[3][1]).toContain('1 bytes follow the value')
    // The columns found are part of the statement: what the registry says later changes nothing.
    expect((await server.query('SHOW CREATE SOURCE readings'))[0].join()).toContain('temperature')
  })

  test('a registry that is away makes the job wait, and nothing is lost', async () => {
    const { url, cut, mend } = await cuttable()
    const id = await registry.register('waiting-value', first)
    const server = await startServer()
    await rawTopic(server, 'waiting')
    await server.query(`CREATE SOURCE readings WITH (${kafka('waiting')}, format = 'avro', schema_registry = '${url}')`)
    await server.query('CREATE MATERIALIZED VIEW v AS SELECT device FROM readings')
    const reading = (device: string) => record(id, first, { device, temperature: 1, at: 0 })
    await server.query(`INSERT INTO raw_waiting VALUES ${reading('d1')}`)
    await server.until('SELECT count(*) FROM v', ([[n]]) => n === '1')
    cut()
    const newer = await registry.register('waiting-value', second)
    const young = record(newer, second, { firmware: '', device: 'd3', at: 1, humidity: null })
    await server.query(`INSERT INTO raw_waiting VALUES ${reading('d2')}, ${young}, ${reading('d4')}`)
    await expect.poll(() => server.output).toContain('cannot reach the schema registry')
    // Neither the records before nor those behind the one that waits: they are of one poll.
    expect(await server.query('SELECT count(*) FROM v')).toEqual([['1']])
    mend()
    await server.until('SELECT count(*) FROM v', ([[n]]) => n === '4')
    expect((await server.query('SELECT device FROM v ORDER BY 1')).flat()).toEqual(['d1', 'd2', 'd3', 'd4'])
  })

  test('a sink registers its schema, and others can read what it writes', async () => {
    const server = await startServer()
    await server.query(
      `CREATE CONNECTION k TYPE kafka WITH (brokers = '${broker.address}', schema_registry = '${registry.url}')`,
    )
    await server.query('CREATE STREAM s (device text, t double precision, at timestamptz, n numeric(6,2), tags text[])')
    await server.query(
      `CREATE SINK o AS SELECT device, t, at, n, tags FROM s WITH (connection = 'k', topic = 'written', format = 'avro', key = 'device')`,
    )
    await server.query(
      `INSERT INTO s VALUES ('d1', 20.5, '2026-01-01T00:00:00Z', 12.5, ARRAY['a', 'b']), ('d2', NULL, NULL, NULL, NULL)`,
    )
    await server.query(
      `CREATE SOURCE raw (value bytea) INCLUDE KEY AS key WITH (connection = 'k', topic = 'written', format = 'bytes')`,
    )
    const rows = await server.until('SELECT key, value FROM raw ORDER BY 1', found => found.length === 2)
    const latest = await (await fetch(`${registry.url}/subjects/written-value/versions/latest`)).json()
    const { id, schema } = latest as { id: number; schema: string }
    const type = avsc.Type.forSchema(JSON.parse(schema), { wrapUnions: false })
    const values = rows.map(([key, value]) => {
      const bytes = Buffer.from(value?.slice(2) ?? '', 'hex')
      expect([bytes[0], bytes.readUInt32BE(1)]).toEqual([0, id])
      return [key, { ...(type.fromBuffer(bytes.subarray(5)) as object) }]
    })
    expect(values).toEqual([
      ['d1', { device: 'd1', t: 20.5, at: Date.UTC(2026, 0, 1) * 1000, n: Buffer.from([4, 226]), tags: ['a', 'b'] }],
      ['d2', { device: 'd2', t: null, at: null, n: null, tags: null }],
    ])
    // Read back without any DDL, by the connection's name.
    expect(await server.query('SELECT device, t, at, n, tags FROM k.written ORDER BY 1')).toEqual([
      ['d1', '20.5', '2026-01-01 00:00:00+00', '12.50', '{a,b}'],
      ['d2', null, null, null, null],
    ])
    // A schema that the subject's rule forbids.
    await registry.register('strict-value', {
      type: 'record',
      name: 'strict',
      fields: [{ name: 'device', type: 'int' }],
    })
    await expect(
      server.query(
        `CREATE SINK wrong AS SELECT device FROM s WITH (connection = 'k', topic = 'strict', format = 'avro')`,
      ),
    ).rejects.toThrow('refuses subject "strict-value"')
  })

  test('what is wrong is said when the statement is given', async () => {
    const server = await startServer()
    const create = (more: string) => server.query(`CREATE SOURCE x WITH (${kafka('none')}, format = 'avro'${more})`)
    await expect(create('')).rejects.toThrow('format avro needs to know the schema')
    await expect(create(", schema_registry = 'nowhere'")).rejects.toThrow('must be an address such as')
    await expect(create(", schema_registry = 'http://127.0.0.1:1'")).rejects.toThrow(
      'cannot reach the schema registry http://127.0.0.1:1',
    )
    await expect(create(`, schema_registry = '${registry.url}'`)).rejects.toThrow(
      'the registry has no subject "none-value"',
    )
    await server.query(
      `CREATE CONNECTION k TYPE kafka WITH (brokers = '${broker.address}', schema_registry = 'http://r:1', schema_registry_password = 'geheim')`,
    )
    expect(JSON.stringify(await server.query('SHOW CREATE CONNECTION k'))).not.toContain('geheim')
  })
})
