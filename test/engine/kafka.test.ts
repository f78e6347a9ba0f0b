/** The program from the outside: a server process, SQL, and a real Kafka broker. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { partitionOfKey } from '../../src/base/murmur2.ts'
import { openLog } from '../../src/log/log.ts'
import { createSink, pairs, readAll } from '../connectors/kafka/play.ts'
import { KafkaBroker, kafkaMissing } from '../support/kafka.ts'
import { Mosquitto, mosquittoMissing } from '../support/mosquitto.ts'
import { type Server, startServer } from '../support/server.ts'

const data = join(import.meta.dirname, '../../../shared/data')
const rooms = { one: 'occupancy-datatraining.csv', two: 'occupancy-datatest.csv', three: 'occupancy-datatest2.csv' }
const noData = !existsSync(data)
if (noData) console.warn(`SKIPPED: ${data} is not there, so its readings are not played`)

const missing = kafkaMissing()
const noMqtt = mosquittoMissing()
let broker: KafkaBroker
beforeAll(async () => {
  if (!missing) broker = await KafkaBroker.start()
})
afterAll(() => broker?.stop())

type Record = readonly [key: string | null, value: string | null]

async function produce(topic: string, records: readonly Record[], partitions = 1): Promise<void> {
  const options = { brokers: broker.address, topic, partitions: String(partitions), delivery: 'at_least_once' }
  const sink = createSink(options, { job: `to ${topic}` })
  await sink.open(undefined)
  for (let i = 0; i < records.length; i += 5000) await sink.write(pairs(records.slice(i, i + 5000)))
  await sink.prepare(1)
  await sink.close()
}

/** The values a topic holds for readers of committed records. */
async function consume(topic: string): Promise<{ readonly [column: string]: unknown }[]> {
  const rows = await readAll({ brokers: broker.address, topic }, undefined, 10_000)
  return rows.map(row => JSON.parse(row.value ?? 'null'))
}

/** Several statements on one connection; rows of the last. */
async function script(server: Server, ...statements: string[]): Promise<unknown[]> {
  const client = await server.connect()
  try {
    let rows: unknown[] = []
    for (const text of statements) rows = (await client.query({ text, rowMode: 'array' })).rows
    return rows
  } finally {
    await client.end()
  }
}

const from = (topic: string, more = ''): string =>
  `WITH (connector = 'kafka', brokers = '${broker.address}', topic = '${topic}'${more})`

describe.skipIf(missing)('Kafka through SQL', () => {
  test.skipIf(noMqtt)('a bridge in one statement: MQTT filter to topic, with the device as key', async () => {
    const mqtt = await Mosquitto.start()
    onTestFinished(() => mqtt.stop())
    const server = await startServer()
    await server.query(`CREATE CONNECTION mq TYPE mqtt WITH (url = '${mqtt.url}')`)
    await mqtt.publish('home/d0/air', ['{"co2":400.5,"at":"old"}'], { retain: true })
    await server.query(`CREATE SOURCE air (co2 double precision, at text) INCLUDE TOPIC AS topic
      WITH (connection = 'mq', topic = 'home/+/air')`)
    await server.query(
      `CREATE SINK bridge AS SELECT split_part(topic, '/', 2) AS device, co2 FROM air ${from('bridged', ", key = 'device'")}`,
    )
    const values = Array.from({ length: 200 }, (_, i) => `{"co2":${i}}`)
    for (const device of ['d1', 'd2']) await mqtt.publish(`home/${device}/air`, values)
    const read = () => readAll({ brokers: broker.address, topic: 'bridged' }, undefined, 10_000)
    let rows = await read()
    while (rows.length < 401) {
      await sleep(50)
      rows = await read()
    }
    for (const device of ['d1', 'd2']) {
      const own = rows.filter(row => row.key === device).map(row => JSON.parse(row.value ?? ''))
      expect(own).toEqual(values.map(value => ({ device, ...JSON.parse(value) })))
    }
  })

  test.skipIf(noData)('readings of three rooms: averages and hopping maxima as DuckDB computes them', async () => {
    const readings: { room: string; ts: string; temperature: number; co2: number }[] = []
    for (const [room, file] of Object.entries(rooms)) {
      for (const line of (await readFile(join(data, file), 'utf8')).trim().split(/\r?\n/).slice(1)) {
        const [, ts, temperature, , , co2] = line.replaceAll('"', '').split(',')
        readings.push({ room, ts, temperature: Number(temperature), co2: Number(co2) })
      }
    }
    expect(readings).toHaveLength(20_560)
    readings.sort((a, b) => (a.ts < b.ts ? -1 : a.ts > b.ts ? 1 : 0))
    // Each partition needs something later for the last windows to close.
    const closing = [0, 1, 2].map(partition => {
      const room = Array.from({ length: 100 }, (_, i) => `end${i}`).find(name => {
        const key = Buffer.from(name)
        return partitionOfKey(key, 0, key.length, 3) === partition
      })
      return { room: room ?? '', ts: '2015-03-01 00:00:00', temperature: 0, co2: 0 }
    })
    await produce(
      'rooms',
      [...readings, ...closing].map(r => [r.room, JSON.stringify(r)]),
      3,
    )
    const server = await startServer()
    await server.query(`CREATE SOURCE readings (room text, ts timestamp, temperature double precision, co2 double precision,
      WATERMARK FOR ts AS ts - INTERVAL '5 seconds') ${from('rooms', ", idle_timeout = '10 minutes'")}`)
    const tumble = `SELECT room, window_start, avg(temperature) AS a, avg(co2) AS b FROM TUMBLE(readings, ts, INTERVAL '5 minutes') GROUP BY room, window_start`
    const hop = `SELECT room, window_start, max(temperature) AS a, max(co2) AS b FROM HOP(readings, ts, INTERVAL '1 minute', INTERVAL '10 minutes') GROUP BY room, window_start`
    await server.query(`CREATE MATERIALIZED VIEW averages AS ${tumble}`)
    await server.query(`CREATE MATERIALIZED VIEW maxima AS ${hop}`)
    await server.query(`CREATE SINK averages_out AS ${tumble} EMIT FINAL ${from('averages', ", key = 'room'")}`)
    await server.query(`CREATE SINK maxima_out AS ${hop} EMIT FINAL ${from('maxima', ", key = 'room'")}`)

    const duckdb = await (await DuckDBInstance.create(':memory:')).connect()
    const files = Object.entries(rooms).map(
      ([room, file]) =>
        `SELECT '${room}' AS room, * FROM read_csv('${join(data, file)}', header = false, skip = 1,
         columns = {'n': 'INT', 'ts': 'TIMESTAMP', 't': 'DOUBLE', 'h': 'DOUBLE', 'l': 'DOUBLE', 'co2': 'DOUBLE', 'r': 'DOUBLE', 'o': 'INT'})`,
    )
    await duckdb.run(`CREATE TABLE r AS ${files.join(' UNION ALL ')}`)
    const ask = async (sql: string): Promise<Windows> =>
      windowsOf((await duckdb.runAndReadAll(sql)).getRowsJson().map(row => row.map(String)))
    const averages = await ask(
      `SELECT room, time_bucket(INTERVAL '5 minutes', ts) AS w, favg(t), favg(co2) FROM r GROUP BY room, w`,
    )
    const maxima = await ask(
      `SELECT room, date_trunc('minute', ts) - INTERVAL (k) MINUTE AS w, max(t), max(co2) FROM r, range(10) AS s(k) GROUP BY room, w`,
    )
    expect(averages.size).toBeGreaterThan(4000)
    expect(maxima.size).toBeGreaterThan(20_000)
    for (const [view, expected] of [
      ['averages', averages],
      ['maxima', maxima],
    ] as const) {
      const rows = `SELECT room, window_start, a, b FROM ${view} WHERE room NOT LIKE 'end%'`
      await server.until(`SELECT count(*) FROM (${rows}) x`, ([[n]]) => n === String(expected.size))
      await server.until(`SELECT coalesce(sum(lag), -1) FROM tidemark.jobs`, ([[lag]]) => lag === '0')
      expectSame(windowsOf(await server.query(rows)), expected)
      await expect.poll(async () => (await consume(view)).length, { timeout: 20_000 }).toBe(expected.size)
      const out = (await consume(view)).map(row => [row.room, row.window_start, row.a, row.b].map(String))
      expect(windowsOf(out).size).toBe(out.length) // none twice
      expectSame(windowsOf(out), expected)
    }
    expect(await server.query('SELECT count(*) FROM tidemark.late_rows')).toEqual([['0']])
  })

  test('statements as their authors type them', async () => {
    const server = await startServer()
    const reading = (co2: unknown, voc: unknown): string =>
      JSON.stringify({
        uuid: 'thrml_hal_20230207194000',
        host: 'sploot',
        systemtime: '02/07/2023 14:40:01',
        ts: 1675798801,
        equivalentco2ppm: co2,
        totalvocppb: voc,
      })
    const maxima = 'select max(equivalentco2ppm) as MaxCO2, max(totalvocppb) as MaxVocPPB from topicname;'
    const log = openLog(server.dataDir)
    const topic = await log.ensureTopic('topicname', { partitions: 1 }, systemClock)
    const records = [reading(409.0, 5.0), reading(411.5, 2)].map(text => ({ value: Buffer.from(text), timestampMs: 0 }))
    await log.append(topic, 0, records)
    await log.close()
    expect(await script(server, maxima)).toEqual([[411.5, '5']])

    // The streams of ksqlDB where no Kafka is configured.
    const humidity = [
      `CREATE STREAM humidity_readings (device_id VARCHAR, humidity DOUBLE) WITH (kafka_topic='iot.sensor.humidity', value_format='JSON');`,
      'CREATE STREAM high_humidity_alerts AS SELECT * FROM humidity_readings WHERE humidity > 85.0;',
    ]
    for (const statement of humidity) await server.query(statement)
    await server.query(`INSERT INTO humidity_readings VALUES ('a', 84.9), ('b', 85.1), ('c', 99)`)
    const alerts = 'SELECT device_id, humidity FROM high_humidity_alerts ORDER BY device_id'
    expect(await server.until(alerts, rows => rows.length === 2)).toEqual([
      ['b', '85.1'],
      ['c', '99'],
    ])
    await server.query('DROP STREAM high_humidity_alerts')
    await server.query('DROP STREAM humidity_readings')

    // And where it is.
    await produce('topicname', [
      [null, reading(500.5, 7)],
      [null, reading(3, 90)],
    ])
    await produce('iot.sensor.humidity', [
      ['a', '{"device_id":"a","humidity":80}'],
      ['b', '{"device_id":"b","humidity":90.5}'],
    ])
    await server.query(`CREATE CONNECTION kafka TYPE kafka WITH (brokers = '${broker.address}')`)
    expect(await script(server, 'SET search_path TO kafka', maxima)).toEqual([[500.5, '90']])
    expect(await server.query('SELECT max(totalvocppb) FROM kafka.topicname')).toEqual([['90']])
    expect(await server.query('SELECT count(*) FROM kafka."iot.sensor.humidity"')).toEqual([['2']])
    for (const statement of humidity) await server.query(statement)
    expect(await server.until(alerts, rows => rows.length === 1)).toEqual([['b', '90.5']])
    await server.query(`INSERT INTO humidity_readings VALUES ('d', 86)`)
    expect(await server.until(alerts, rows => rows.length === 2)).toEqual([
      ['b', '90.5'],
      ['d', '86'],
    ])
    expect(await consume('high_humidity_alerts')).toEqual([
      { device_id: 'b', humidity: 90.5 },
      { device_id: 'd', humidity: 86 },
    ])

    // Numbers that come as strings with leading spaces, where DOUBLE PRECISION is declared.
    await produce('spaced', [
      [null, reading('  415.25', ' 9.0')],
      [null, reading(400, '   12')],
    ])
    await server.query(
      `CREATE SOURCE spaced (equivalentco2ppm double precision, totalvocppb double precision) ${from('spaced')}`,
    )
    expect(await server.query('SELECT max(equivalentco2ppm), max(totalvocppb) FROM spaced')).toEqual([['415.25', '12']])
    expect(await server.query('SELECT count(*) FROM tidemark.bad_rows')).toEqual([['0']])
  })

  test('malformed records among a million: the view is right, each is found by SQL', async () => {
    const count = 1_000_000
    const bad = new Map([
      [17, '{"device":"d1","v":'],
      [4096, 'not json'],
      [50_000, '{"device":"d1","v":"many"}'],
      [999_999, '[1,2]'],
    ])
    const good = (i: number): string => JSON.stringify({ device: `d${i % 1000}`, v: i })
    await produce(
      'malformed',
      Array.from({ length: count }, (_, i) => [null, bad.get(i) ?? good(i)]),
    )
    const server = await startServer()
    await server.query(`CREATE SOURCE m (device text, v bigint) ${from('malformed')}`)
    await server.query('CREATE MATERIALIZED VIEW mv AS SELECT count(*) AS n, sum(v) AS s, max(v) AS last FROM m')
    const lost = [...bad.keys()].reduce((sum, i) => sum + i, 0)
    const expected = [String(count - bad.size), String((count * (count - 1)) / 2 - lost), String(count - 2)]
    expect(await server.until('SELECT n, s, last FROM mv', ([row]) => row?.[0] === expected[0])).toEqual([expected])
    const found = await server.query(
      `SELECT partition, "offset", record, reason FROM tidemark.bad_rows WHERE job = 'mv' ORDER BY "offset"`,
    )
    expect(found.map(row => row.slice(0, 3))).toEqual([...bad].map(([i, text]) => ['0', String(i), text]))
    for (const [, , , reason] of found) expect(reason).toMatch(/\w+ \w+/)
    expect(await server.query(`SELECT rows_in, rows_bad FROM tidemark.jobs`)).toEqual([[String(count - 4), '4']])
  })

  test('kill -9 while the topic is being filled: nothing lost, nothing twice', async () => {
    const server = await startServer()
    const count = 40_000
    const row = (i: number): Record => [`d${i % 50}`, JSON.stringify({ device: `d${i % 50}`, n: i })]
    await produce('filling', [row(0)], 3)
    await server.query(`CREATE SOURCE filling (device text, n bigint) ${from('filling')}`)
    await server.query(
      'CREATE MATERIALIZED VIEW per_device AS SELECT device, count(*) AS n, sum(n) AS s FROM filling GROUP BY device',
    )
    await server.query(`CREATE SINK copied AS SELECT n FROM filling WHERE n % 2 = 0 ${from('copied')}`)
    const fill = async (): Promise<void> => {
      for (let i = 1; i < count; i += 1000) {
        await produce(
          'filling',
          Array.from({ length: Math.min(1000, count - i) }, (_, j) => row(i + j)),
          3,
        )
        await sleep(40)
      }
    }
    const kill = async (): Promise<void> => {
      for (const rows of [8000, 20_000]) {
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
    await expect
      .poll(async () => (await consume('copied')).length, { timeout: 20_000 })
      .toBeGreaterThanOrEqual(count / 2)
    const copied = (await consume('copied')).map(({ n }) => Number(n)).sort((a, b) => a - b)
    expect(copied).toEqual(Array.from({ length: count / 2 }, (_, i) => 2 * i))
  })

  test('rows go in and come out with key, partition, offset, timestamp and headers; lag as Kafka sees it', async () => {
    const server = await startServer()
    await produce('lagging', [['k0', '{"n":0}']])
    await server.query(
      `CREATE SOURCE lagging (n bigint) INCLUDE KEY AS k, PARTITION AS p, OFFSET AS o, TIMESTAMP AS t, HEADERS AS h ${from('lagging', ", group_id = 'watched'")}`,
    )
    await server.query('CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM lagging')
    await server.query('INSERT INTO lagging (n) VALUES (1), (2)')
    await server.until('SELECT n FROM counted', ([row]) => row?.[0] === '3')
    const rows = await server.query(
      `SELECT n, k, p, o, h, t > now() - INTERVAL '1 hour' AND t <= now() FROM lagging ORDER BY o`,
    )
    expect(rows.map(row => row.slice(0, 4))).toEqual([
      ['0', 'k0', '0', '0'],
      ['1', null, '0', '1'],
      ['2', null, '0', '2'],
    ])
    expect(rows.map(row => row[5])).toEqual(['t', 't', 't'])
    const described = async (): Promise<string[]> => {
      const args = ['--bootstrap-server', broker.address, '--describe', '--group', 'watched']
      const text = await broker.tool('org.apache.kafka.tools.consumer.group.ConsumerGroupCommand', args)
      // GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG
      const line = text.split('\n').find(each => each.startsWith('watched'))
      return line?.split(/\s+/).slice(1, 6) ?? []
    }
    await expect.poll(described, { timeout: 20_000 }).toEqual(['lagging', '0', '3', '3', '0'])
    await server.stop('SIGKILL')
    await produce(
      'lagging',
      Array.from({ length: 5 }, (_, i) => [null, `{"n":${i}}`]),
    )
    expect(await described()).toEqual(['lagging', '0', '3', '8', '5'])
    await server.start()
    expect(await server.until('SELECT n FROM counted', ([row]) => row?.[0] === '8')).toEqual([['8']])
  })

  test('a broker killed under running jobs: tidemark.jobs tells, and they go on when it is back', async () => {
    const server = await startServer()
    await server.query('CREATE SOURCE local (n bigint)')
    await server.query(`CREATE SINK away AS SELECT n FROM local ${from('away', ", delivery_timeout_ms = '2000'")}`)
    await server.query(`CREATE SOURCE back (n bigint) ${from('away')}`)
    await server.query('CREATE MATERIALIZED VIEW seen AS SELECT count(*) AS c, sum(n) AS s FROM back')
    await server.query('INSERT INTO local VALUES (1), (2)')
    await server.until('SELECT c FROM seen', ([row]) => row?.[0] === '2')
    await broker.kill()
    await server.query('INSERT INTO local VALUES (4), (8)')
    const job = `SELECT state, error, sqlstate, retry_at > now() FROM tidemark.jobs WHERE job = 'away'`
    const [[, error, sqlState, again]] = await server.until(job, ([[state]]) => state === 'failed')
    expect(error).toMatch(/kafka|broker|127\.0\.0\.1/i)
    expect(sqlState).toMatch(/^[0-9A-Z]{5}$/)
    expect(again).toBe('t')
    await broker.restart()
    await server.until('SELECT c FROM seen', ([[count]]) => Number(count) >= 4)
    expect(await server.query('SELECT c, s FROM seen')).toEqual([['4', '15']])
    expect(await server.until(job, ([[state]]) => state === 'running')).toEqual([['running', null, null, null]])
  })
})

/** By room and window start: two numbers. */
type Windows = Map<string, readonly [number, number]>

function windowsOf(rows: readonly (readonly (string | null)[])[]): Windows {
  return new Map(
    rows.map(([room, start, a, b]) => [
      `${room} ${start?.replace('T', ' ').replace(/\.000$/, '')}`,
      [Number(a), Number(b)],
    ]),
  )
}

/** The order in which doubles are added is not given, so the last digits may differ. */
function expectSame(found: Windows, expected: Windows): void {
  expect([...found.keys()].sort()).toEqual([...expected.keys()].sort())
  const near = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-12 * Math.abs(b)
  const other = [...expected].filter(([key, [a, b]]) => {
    const [x, y] = found.get(key) ?? [Number.NaN, Number.NaN]
    return !near(x, a) || !near(y, b)
  })
  expect(other).toEqual([])
}
