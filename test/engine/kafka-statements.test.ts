/** What statements say to a Kafka broker, and what they say about it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readAll } from '../connectors/kafka/play.ts'
import { TestEngine } from '../support/engine.ts'
import { KafkaBroker, kafkaMissing } from '../support/kafka.ts'

const missing = kafkaMissing()
let broker: KafkaBroker
beforeAll(async () => {
  if (!missing) broker = await KafkaBroker.start()
})
afterAll(() => broker?.stop())

describe.skipIf(missing)('statements and Kafka', () => {
  test('a sink makes its topic as told, and writes headers and times that Java reads', async () => {
    const engine = new TestEngine()
    const described = (topic: string): Promise<string> =>
      broker.tool('org.apache.kafka.tools.TopicCommand', ['--bootstrap-server', broker.address, '--describe', '--topic', topic]) // biome-ignore format: a call
    await engine.query(`CREATE CONNECTION k TYPE kafka WITH (brokers = '${broker.address}');
      CREATE SOURCE s (n integer, at timestamptz, h jsonb) WITH (topic = 's');
      CREATE SINK o AS SELECT n, at, h FROM s WITH (connection = 'k', topic = 'made', partitions = '3', key = 'n',
        timestamp = 'at', headers = 'h', topic_config = 'cleanup.policy=compact,delete,segment.bytes=1048576');
      INSERT INTO s VALUES (1, '2026-01-01 00:00:00Z', '{"site":"porto","level":3,"gone":null}'), (1, '2025-01-01 00:00:00Z', NULL),
        (1, '9999-01-01 00:00:00Z', '{}')`)
    await expect
      .poll(async () => (await readAll({ brokers: broker.address, topic: 'made' })).length, { timeout: 20_000 })
      .toBe(3)
    const properties = ['print.timestamp=true', 'print.headers=true', 'print.key=true']
    const lines = await broker.consume('made', { properties, count: 3 })
    expect(lines.slice(0, 2)).toEqual([
      `CreateTime:${Date.UTC(2026, 0)}\tgone:null,site:porto,level:3\t1\t{"n":1,"at":"2026-01-01T00:00:00.000Z"}`,
      `CreateTime:${Date.UTC(2025, 0)}\tNO_HEADERS\t1\t{"n":1,"at":"2025-01-01T00:00:00.000Z"}`,
    ])
    // What a broker would refuse for its time comes with that of the writing.
    const [, year] = /^CreateTime:(\d+)\tNO_HEADERS/.exec(lines[2]) ?? []
    expect(new Date(Number(year)).getUTCFullYear()).toBeLessThan(9999)
    const made = await described('made')
    expect(made).toContain('PartitionCount: 3')
    expect(made).toContain('cleanup.policy=compact,delete')
    expect(made).toContain('segment.bytes=1048576')

    await engine.query(
      `CREATE SINK u AS SELECT n, count(*) AS c FROM s GROUP BY n WITH (connection = 'k', topic = 'upserted', key = 'n')`,
    )
    expect(await described('upserted')).toMatch(/cleanup\.policy=compact,(?!delete)/)
    const listed = await engine.query('SHOW TOPICS FROM k')
    expect(listed).toContainEqual(['made', '3', null, null])
    expect(listed.some(([name]) => name?.startsWith('__'))).toBe(false)

    await engine.query(`DROP SINK u; DROP TOPIC k.upserted; DROP TOPIC IF EXISTS k."no.such", neither`)
    expect(engine.notices).toEqual(
      expect.arrayContaining([
        'topic "k.no.such" does not exist, skipping',
        'topic "neither" does not exist, skipping',
      ]),
    )
    await engine.until('SHOW TOPICS FROM k', rows => !rows.some(([name]) => name === 'upserted'))
    expect(await engine.errorOf('DROP TOPIC k.mad')).toBe('42P01 - Kafka has no topic "mad"')
  })

  test('what is wrong with a broker or a topic is said by the statement', async () => {
    const engine = new TestEngine()
    await engine.query(`CREATE CONNECTION k TYPE kafka WITH (brokers = '${broker.address}');
      CREATE CONNECTION nobody TYPE kafka WITH (brokers = '127.0.0.1:1');
      CREATE CONNECTION refused TYPE kafka WITH (brokers = '${broker.saslAddress}', security_protocol = 'SASL_PLAINTEXT',
        sasl_username = 'alice', sasl_password = 'hunter2');
      CREATE SOURCE s (n integer) WITH (topic = 'wrongs')`)
    const sink = (options: string): Promise<string> => engine.errorOf(`CREATE SINK o FROM s WITH (${options})`)
    const wrongs: [statement: Promise<string>, said: RegExp][] = [
      [sink("connection = 'nobody'"), /^08001 - cannot connect to Kafka at 127.0.0.1:1: /],
      [sink("connection = 'refused'"), /^28P01 - Kafka answered SASL_AUTHENTICATION_FAILED to: log in/],
      [sink("connection = 'k', topic = 'x', create_topic = 'false'"), /^42P01 - .*"x"/],
      [sink("connection = 'k', topic = 'x', replication_factor = '3'"), /^22023 - .*INVALID_REPLICATION_FACTOR/],
      [sink("connection = 'k', topic = 'x', topic_config = 'no.such=1'"), /^22023 - .*INVALID_CONFIG/],
      [sink("connection = 'k', topic_config = 'no'"), /^22023 \d+ option topic_config = 'no' must be like/],
      [sink("connection = 'k', retention_ms = '1', topic_config = 'retention.ms=2'"), /^22023 - .*retention.ms/],
      [engine.errorOf('SELECT * FROM k.nowhere'), /^42P01 - .*nowhere/],
      [engine.errorOf('SHOW TOPICS FROM nobody'), /^08001 /],
    ]
    for (const [statement, said] of wrongs) expect(await statement).toMatch(said)
    // None of them is left behind.
    expect(await engine.query('SELECT count(*) FROM tidemark.jobs')).toEqual([['0']])
  })
})
