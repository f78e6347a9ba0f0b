/** Pulsar from the outside: a server process, SQL, and topics written by Pulsar's own client. */
import { describe, expect, test } from 'vitest'
import { type Server, startServer } from '../../support/server.ts'
import { broker, missing } from './broker.ts'

const json = (values: readonly object[]): { value: string }[] => values.map(value => ({ value: JSON.stringify(value) }))

const from = (topic: string, more = ''): string =>
  `WITH (connector = 'pulsar', url = '${broker().url}', topic = '${topic}'${more})`

const connected = async (): Promise<Server> => {
  const server = await startServer()
  await server.query(`CREATE CONNECTION pulsar TYPE pulsar WITH (url = '${broker().url}')`)
  return server
}

describe.skipIf(missing)('Pulsar through SQL', () => {
  test('topics without DDL, to their end and as they grow', async () => {
    const reading = { uuid: 'thrml_hal_20230207194000', host: 'sploot', equivalentco2ppm: 409.5, totalvocppb: 5 }
    await broker().produce('public/default/iottopic', json([reading, { ...reading, totalvocppb: 7 }]))
    const server = await connected()
    expect(await server.query('select * from pulsar."public/default".iottopic;')).toEqual([
      [reading.uuid, 'sploot', '409.5', '5'],
      [reading.uuid, 'sploot', '409.5', '7'],
    ])
    const client = await server.connect()
    await client.query('SET search_path TO pulsar')
    const max = await client.query(
      'select max(equivalentco2ppm) as MaxCO2, max(totalvocppb) as MaxVocPPB from iottopic',
    )
    expect(max.rows).toEqual([{ maxco2: 409.5, maxvocppb: '7' }])
    await client.query('BEGIN')
    await client.query(
      'DECLARE c CURSOR FOR SELECT totalvocppb FROM pulsar."public/default".iottopic WHERE totalvocppb > 5 EMIT CHANGES',
    )
    const fetched = async (count: number): Promise<unknown[]> => {
      const rows: unknown[] = []
      while (rows.length < count) rows.push(...(await client.query('FETCH 10 c')).rows.map(row => row.totalvocppb))
      return rows
    }
    expect(await fetched(1)).toEqual(['7'])
    await broker().produce('public/default/iottopic', json([{ ...reading, totalvocppb: 4 }, { totalvocppb: 9 }]))
    expect(await fetched(1)).toEqual(['9'])
    await client.end()
  })

  test('INCLUDE gives key, partition, time, properties and id; event time closes windows', async () => {
    const topic = 'public/default/included'
    await broker().createTopic(topic, 2)
    const eventMs = Date.UTC(2026, 0, 1)
    const at = (minutes: number): number => eventMs + 60_000 * minutes
    const messages = [0, 1, 6].map(minute => ({
      value: JSON.stringify({ n: minute }),
      key: `k${minute}`,
      property: `é${minute}`,
      eventMs: at(minute),
    }))
    await broker().produce(`${topic}-partition-1`, messages)
    const server = await connected()
    await server.query(`CREATE SOURCE included (n bigint, WATERMARK FOR at AS at)
      INCLUDE KEY AS k, PARTITION AS p, TIMESTAMP AS at, HEADERS AS h, OFFSET AS o
      WITH (connection = 'pulsar', topic = '${topic}', idle_timeout = '50 milliseconds')`)
    expect(await server.query(`SELECT n, k, p, at::text, h::text, o > 0 FROM included ORDER BY n`)).toEqual(
      [0, 1, 6].map(m => [String(m), `k${m}`, '1', `2026-01-01 00:0${m}:00+00`, `{"p": "é${m}"}`, 't']),
    )
    await server.query(`CREATE MATERIALIZED VIEW closed AS SELECT window_start, sum(n) AS s
      FROM TUMBLE(included, at, INTERVAL '5 minutes') GROUP BY window_start EMIT FINAL`)
    const closed = await server.until('SELECT window_start::text, s FROM closed', rows => rows.length > 0)
    expect(closed).toEqual([['2026-01-01 00:00:00+00', '1']])
  })

  test('message ids and times as columns; a subscription that keeps what was not read; bad rows', async () => {
    const topic = 'public/default/kept'
    const eventMs = Date.UTC(2026, 0, 1)
    const ids = await broker().produce(topic, [
      { value: '{"n":1}', eventMs },
      { value: '{"n":2}' },
      { value: 'no json' },
    ])
    const server = await connected()
    await server.query(`CREATE SOURCE kept (n bigint) INCLUDE MESSAGE_ID AS id, EVENT_TIME AS e, PUBLISH_TIME AS t, PRODUCER_NAME AS by
      WITH (connection = 'pulsar', topic = '${topic}', dead_letter_topic = 'public/default/letters')`)
    const rows = await server.query(
      `SELECT id, e::text, t > now() - INTERVAL '1 hour', by LIKE 'standalone-%' FROM kept ORDER BY n`,
    )
    expect(rows).toEqual([
      [ids[0], '2026-01-01 00:00:00+00', 't', 't'],
      [ids[1], null, 't', 't'],
    ])
    await server.query('CREATE MATERIALIZED VIEW sums AS SELECT sum(n) AS s FROM kept')
    const backlog = async (): Promise<unknown> => {
      const stats = JSON.stringify(await broker().ask('GET', `persistent/${topic}/stats?getPreciseBacklog=true`))
      const { subscriptions } = JSON.parse(stats)
      return subscriptions['tidemark-sums']?.msgBacklog
    }
    await expect.poll(backlog, { timeout: 20_000 }).toBe(0)
    expect(await server.until('SELECT lag FROM tidemark.watermarks', ([row]) => row?.[0] === '0')).toEqual([['0']])
    expect(await server.query('SELECT rows_bad FROM tidemark.jobs')).toEqual([['1']])
    expect((await broker().read('public/default/letters')).map(m => m.value)).toEqual(['no json'])
    await server.stop('SIGKILL')
    // Each command is an entry of its own, and brokers count entries.
    await broker().produce(topic, json([{ n: 4 }]))
    await broker().produce(topic, json([{ n: 8 }]))
    await expect.poll(backlog, { timeout: 20_000 }).toBe(2)
    await server.start()
    expect(await server.until('SELECT s FROM sums', ([[s]]) => s === '15')).toEqual([['15']])
    await expect.poll(backlog, { timeout: 20_000 }).toBe(0)
    await server.query('DROP MATERIALIZED VIEW sums')
    await expect.poll(backlog, { timeout: 20_000 }).toBe(undefined)
  })

  test('topics are made with partitions and listed with their backlog', async () => {
    const server = await startServer()
    const address = `url = '${broker().urlTls}', admin_url = '${broker().adminUrlTls}', tls_ca = '${broker().dir}/ca.pem'`
    await server.query(`CREATE CONNECTION secure TYPE pulsar WITH (${address}, token = '${broker().token('admin')}')`)
    await broker().ask('PUT', 'namespaces/public/listed')
    await broker().createTopic('public/listed/plain', 0)
    await server.query('CREATE SOURCE local (device text, n bigint)')
    await server.query(`CREATE SINK parted FROM local
      WITH (connection = 'secure', topic = 'public/listed/parted', partitions = '3', key = 'device')`)
    await broker().ask('PUT', 'persistent/public/listed/parted-partition-1/subscription/slow', '"earliest"')
    await server.query(`INSERT INTO local VALUES ('a', 1), ('b', 2), ('c', 3), ('d', 4)`)
    await server.query(`CREATE SOURCE parts (n bigint) INCLUDE PARTITION AS p, KEY AS k
      WITH (connection = 'secure', topic = 'public/listed/parted')`)
    // The hash codes of these strings in Java are 97 to 100.
    expect(await server.until('SELECT k, p, n FROM parts ORDER BY n', rows => rows.length === 4)).toEqual([
      ['a', '1', '1'],
      ['b', '2', '2'],
      ['c', '0', '3'],
      ['d', '1', '4'],
    ])
    const listed = (await server.query('SHOW TOPICS FROM secure')).filter(([name]) => name?.startsWith('public/listed'))
    expect(listed).toEqual([
      ['public/listed.parted', '3', expect.stringMatching(/^[1-9]\d*$/), expect.stringMatching(/^\{"slow":[12]\}$/)],
      ['public/listed.plain', '1', '0', '{}'],
    ])
    const logs = async (): Promise<number> =>
      JSON.stringify(await broker().ask('GET', 'persistent/public/listed')).split('__tidemark-parted-').length - 1
    expect(await logs()).toBe(1)
    await server.query('DROP SINK parted')
    await expect.poll(logs, { timeout: 20_000 }).toBe(0)
    await server.query(`CREATE CONNECTION blind TYPE pulsar WITH (url = '${broker().url}')`)
    await expect(server.query('SHOW TOPICS FROM blind')).rejects.toThrow('has no admin_url')
  })

  test('schemas of the registry give the columns, and a sink may register its own', async () => {
    const server = await connected()
    const record = (fields: readonly object[]): object => ({ type: 'record', name: 'r', fields })
    const schema = record([
      { name: 'device', type: ['null', 'string'], default: null },
      { name: 'n', type: 'long' },
    ])
    for (const type of ['AVRO', 'JSON'] as const) {
      const topic = `registered-${type.toLowerCase()}`
      await broker().produceRecords(`public/default/${topic}`, type, schema, [
        ['a', 1],
        ['ü', 2 ** 40],
      ])
      const rows = await server.query(
        `SELECT device, n, pg_typeof(n) FROM pulsar."public/default"."${topic}" ORDER BY n`,
      )
      expect(rows, type).toEqual([
        ['a', '1', 'bigint'],
        ['ü', '1099511627776', 'bigint'],
      ])
    }
    const next = record([
      { name: 'device', type: ['null', 'string'], default: null },
      { name: 'm', type: 'long', default: 0 },
      { name: 'n', type: 'long', default: 0 },
    ])
    await server.query(`CREATE SOURCE versions WITH (connection = 'pulsar', topic = 'public/default/registered-avro')`)
    await broker().produceRecords('public/default/registered-avro', 'AVRO', next, [['b', 3]])
    await server.query('CREATE MATERIALIZED VIEW total AS SELECT sum(n) AS s FROM versions')
    const reasons = 'SELECT reason FROM tidemark.bad_rows'
    expect(await server.until(reasons, rows => rows.length > 0)).toEqual([[expect.stringContaining('version')]])

    await server.query('CREATE SOURCE readings (device text, n bigint, at timestamptz, tags jsonb)')
    const columns = 'device, n, at, tags'
    await server.query(`CREATE SINK typed AS SELECT ${columns} FROM readings WITH (connection = 'pulsar',
      topic = 'public/default/typed', schema = 'json', timestamp = 'at', headers = 'tags', key = 'device')`)
    expect(await server.query('SELECT * FROM pulsar."public/default".typed')).toEqual([])
    await server.query(
      `INSERT INTO readings VALUES ('a', 1, '2026-01-01 00:00:00+00', '{"room":"r1","level":2}'), ('b', 2, NULL, NULL)`,
    )
    const typed = async (): Promise<unknown> => await broker().read('public/default/typed')
    await expect.poll(typed, { timeout: 20_000 }).toEqual([
      {
        ...{ partition: 0, key: 'a', eventMs: Date.UTC(2026, 0, 1), properties: '{level=2, room=r1}' },
        value: '{"device":"a","n":1,"at":"2026-01-01T00:00:00.000Z"}',
      },
      { partition: 0, key: 'b', eventMs: 0, properties: '{}', value: '{"device":"b","n":2,"at":null}' },
    ])
    const registered = JSON.stringify(await broker().ask('GET', 'schemas/public/default/typed/schema'))
    expect(JSON.parse(registered)).toMatchObject({ type: 'JSON', version: 0 })
    const other = `CREATE SINK wrong AS SELECT n AS device FROM readings
      WITH (connection = 'pulsar', topic = 'public/default/typed', schema = 'json')`
    await expect(server.query(other)).rejects.toMatchObject({
      code: '42804',
      message: expect.stringContaining('typed'),
    })
    await expect(
      server.query(`CREATE SINK k AS SELECT n FROM readings WITH (topic = 'e', timestamp = 'n')`),
    ).rejects.toMatchObject({ code: '0A000' })
  })

  test('a view goes on after kill -9 while its topic is being filled: nothing lost, nothing twice', async () => {
    const topic = 'public/default/filling'
    await broker().createTopic(topic, 3)
    const count = 20_000
    const server = await connected()
    await server.query(`CREATE SOURCE filling (device text, n bigint) ${from(topic)}`)
    await server.query(
      'CREATE MATERIALIZED VIEW per_device AS SELECT device, count(*) AS n, sum(n) AS s FROM filling GROUP BY device',
    )
    await server.query(
      `CREATE SINK copied AS SELECT device, n FROM filling WHERE n % 2 = 0 ${from('copied', ", key = 'device', compression = 'zstd'")}`,
    )
    const fill = async (): Promise<void> => {
      for (let i = 0; i < count; i += 500)
        await broker().produce(
          topic,
          json(Array.from({ length: 500 }, (_, j) => ({ device: `d${(i + j) % 50}`, n: i + j }))),
          'LZ4',
          50,
        )
    }
    const kill = async (): Promise<void> => {
      for (const rows of [2000, 10_000]) {
        await server.until('SELECT coalesce(sum(n), 0) FROM per_device', ([[n]]) => Number(n) >= rows)
        await server.stop('SIGKILL')
        await server.start()
      }
    }
    await Promise.all([fill(), kill()])
    await server.until('SELECT sum(n) FROM per_device', ([[n]]) => Number(n) >= count)
    expect(await server.query('SELECT count(*), sum(n), sum(s) FROM per_device')).toEqual([
      ['50', String(count), String((count * (count - 1)) / 2)],
    ])
    await server.query(`CREATE SOURCE copies (device text, n bigint) ${from('copied')}`)
    const copied = 'SELECT count(*), count(DISTINCT n) FROM copies'
    const half = String(count / 2)
    expect(await server.until(copied, ([[n]]) => Number(n) >= count / 2)).toEqual([[half, half]])
  })

  test('rows are written by INSERT, by a stream of a stream, and as upserts', async () => {
    const server = await connected()
    await server.query(
      `CREATE STREAM humidity (device_id VARCHAR, humidity DOUBLE) WITH (connection = 'pulsar', topic = 'public/default/humidity')`,
    )
    await server.query(`INSERT INTO humidity VALUES ('a', 84.9), ('b', 85.1), ('c', 99)`)
    await server.query('CREATE STREAM humid AS SELECT * FROM humidity WHERE humidity > 85.0')
    const humid = (rows: number): Promise<unknown> =>
      server.until('SELECT device_id, humidity FROM pulsar."public/default".humid ORDER BY 1', r => r.length >= rows)
    // Until there is a first message, nothing is known of its columns.
    await server.until('SELECT count(*) FROM humid', ([[n]]) => n === '2')
    await server.query(`INSERT INTO humidity VALUES ('d', 86)`)
    expect(await humid(3)).toEqual([
      ['b', '85.1'],
      ['c', '99'],
      ['d', '86'],
    ])
    expect((await broker().read('public/default/humid')).map(m => m.value)).toEqual([
      '{"device_id":"b","humidity":85.1}',
      '{"device_id":"c","humidity":99}',
      '{"device_id":"d","humidity":86}',
    ])
    // Topics without DDL have the columns that the statement gives.
    await server.query(`INSERT INTO pulsar."public/default".noted (device_id, level) VALUES ('a', 1.5), ('b', NULL)`)
    await server.query('INSERT INTO pulsar."public/default".noted SELECT device_id, humidity AS level FROM humidity')
    const noted = async (): Promise<unknown> => (await broker().read('public/default/noted')).map(m => m.value)
    await expect.poll(noted, { timeout: 20_000 }).toHaveLength(6)
    expect(await noted()).toEqual(
      [
        ['a', 1.5],
        ['b', null],
        ['a', 84.9],
        ['b', 85.1],
        ['c', 99],
        ['d', 86],
      ].map(([device_id, level]) => JSON.stringify({ device_id, level })),
    )
    await expect(server.query(`INSERT INTO pulsar.noted VALUES ('a')`)).rejects.toMatchObject({ code: '42601' })
    await server.stop()
    await server.start()
    await server.query(`INSERT INTO humidity VALUES ('e', 50)`)
    await expect.poll(noted, { timeout: 20_000 }).toHaveLength(7)
    await server.query('DROP JOB insert_into_noted')

    await server.query(`CREATE SINK counts AS SELECT device_id, count(*) AS n FROM humidity GROUP BY device_id
      ${from('counts', ", key = 'device_id'")}`)
    const last = async (): Promise<unknown> =>
      Object.fromEntries((await broker().read('public/default/counts')).map(m => [m.key, m.value]))
    await expect
      .poll(last, { timeout: 20_000 })
      .toEqual(Object.fromEntries([...'abcde'].map(d => [d, `{"device_id":"${d}","n":1}`])))
  })
})
