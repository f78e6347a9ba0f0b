/**
 * queries/iot/refcard.sql as a user runs it: real brokers and a bucket, `tidemark submit`, and a server that is killed while devices publish.
 * Claimed: exactly once from the device to the bucket, as devices publish with QoS 2 here. With QoS 1 MQTT itself may give a message twice.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { tidemark } from '../support/cli.ts'
import { download, duckdb } from '../support/duckdb.ts'
import { Mosquitto, mosquittoMissing } from '../support/mosquitto.ts'
import { PulsarBroker, pulsarMissing } from '../support/pulsar.ts'
import { S3Server, s3Missing } from '../support/s3.ts'
import { Server } from '../support/server.ts'
import { temporaryFolder } from '../support/temporary.ts'

const missing = mosquittoMissing() ?? pulsarMissing() ?? s3Missing()
let parts: { readonly mqtt: Mosquitto; readonly pulsar: PulsarBroker; readonly s3: S3Server } | undefined

beforeAll(async () => {
  if (missing) return
  const [mqtt, pulsar, s3] = await Promise.all([Mosquitto.start(), PulsarBroker.start(), S3Server.start()])
  parts = { mqtt, pulsar, s3 }
}, 120_000)
afterAll(async () => {
  await Promise.all([parts?.mqtt.stop(), parts?.pulsar.stop(), parts?.s3.stop()])
})

interface Reading {
  readonly device: string
  readonly reading: number
  readonly ts: number
  readonly co2: number
  readonly voc: number
}

const DEVICES = 8
const MINUTES = 10
const PER_MINUTE = 40
/** Over midnight, so that there are two days and two hours. */
const BEGIN = Date.UTC(2026, 0, 5, 23, 55)

const readings: readonly Reading[] = Array.from({ length: DEVICES * MINUTES * PER_MINUTE }, (_, reading) => ({
  device: `d${reading % DEVICES}`,
  reading,
  ts: BEGIN + Math.floor(reading / DEVICES) * (60_000 / PER_MINUTE),
  co2: 400.5 + ((reading * 37) % 997),
  voc: (reading * 13) % 499,
}))
const ALL = String(readings.length)

/** Minute by minute, so that no device is late because of another that was faster. */
async function publish(broker: Mosquitto, some: readonly Reading[]): Promise<void> {
  for (const minute of Map.groupBy(some, r => Math.floor(r.ts / 60_000)).values()) {
    const sending = [...Map.groupBy(minute, r => r.device)].map(([device, own]) => {
      const values = own.map(({ reading, ts, co2, voc }) =>
        JSON.stringify({ reading, ts: new Date(ts).toISOString(), equivalentco2ppm: co2, totalvocppb: voc }),
      )
      return broker.publish(`sensors/${device}/air`, values, { qos: 2 })
    })
    await Promise.all(sending)
  }
}

const text = (ms: number): string => new Date(ms).toISOString().replace('T', ' ').replace('.000Z', '+00')

describe.skipIf(missing)(`refcard.sql ${missing ?? ''}`, () => {
  test('kill -9 in the middle: every reading is once in the bucket, every alert once in its topic, and the maxima are right', async () => {
    if (!parts) throw new Error('nothing was started')
    const { mqtt, pulsar, s3 } = parts
    const { bucket } = s3.newPlace().s3
    const env = {
      ...{ ...s3.env, MQTT_URL: mqtt.url, PULSAR_URL: pulsar.url, PULSAR_ADMIN_URL: pulsar.adminUrl },
      ...{ S3_ENDPOINT: s3.endpoint, S3_BUCKET: bucket },
    }
    const server = new Server(temporaryFolder(), [], { flags: [], env })
    onTestFinished(() => server.stop('SIGKILL'))
    await server.start()
    const file = join(temporaryFolder(), 'refcard.sql')
    const written = readFileSync(join(import.meta.dirname, '../../queries/iot/refcard.sql'), 'utf8')
    const hasty = written.replace("roll_interval = '5 minutes'", "roll_interval = '1 second'")
    expect(hasty).not.toBe(written)
    writeFileSync(file, hasty)
    expect(await tidemark(['submit', file, '--to', `localhost:${server.port}`])).toMatchObject({ code: 0, err: '' })

    const half = readings.length / 2
    await publish(mqtt, readings.slice(0, half))
    await server.until('SELECT count(*) FROM minutes', ([[n]]) => Number(n) > 0)
    const sending = publish(mqtt, readings.slice(half))
    await server.stop('SIGKILL')
    await server.start()
    await sending
    await server.until('SELECT sum(readings) FROM minutes', ([[n]]) => Number(n) >= readings.length)
    const minutes = Map.groupBy(readings, r => `${r.device} ${text(Math.floor(r.ts / 60_000) * 60_000)}`)
    const most = (of: readonly number[]): string => String(of.reduce((a, b) => Math.max(a, b)))
    const expected = [...minutes].map(([key, own]) => [
      ...[key, String(own.length), most(own.map(r => r.co2)), most(own.map(r => r.voc))],
    ])
    const view = await server.query(
      `SELECT device_id || ' ' || window_start, readings, max_co2, max_voc FROM minutes ORDER BY 1`,
    )
    expect(view).toEqual(expected.sort((a, b) => (a[0] < b[0] ? -1 : 1)))

    const loud = readings.filter(r => r.co2 > 1200).map(r => ({ key: r.device, eventMs: r.ts, reading: r.reading }))
    const alerts = async () =>
      (await pulsar.read('public/default/air-alerts'))
        .map(({ key, eventMs, value }) => ({ key, eventMs, reading: Number(JSON.parse(value ?? '').reading) }))
        .sort((a, b) => a.reading - b.reading)
    await expect.poll(async () => (await alerts()).length, { timeout: 30_000 }).toBeGreaterThanOrEqual(loud.length)

    const archived = async () => {
      const folder = await download(s3.bucket(bucket), 'air/')
      return `read_parquet('${folder}/*/*/*.parquet', hive_partitioning = true, hive_types = {dt: DATE, hour: BIGINT})`
    }
    const count = async () => Number((await duckdb(`SELECT count(*) FROM ${await archived()}`))[0][0])
    await expect.poll(count, { timeout: 30_000 }).toBeGreaterThanOrEqual(readings.length)
    const sums = [...Map.groupBy(readings, r => Math.floor(r.ts / 3_600_000))].map(([hour, own]) => [
      new Date(hour * 3_600_000).toISOString().slice(0, 13),
      ...[String(own.length), String(own.length), own.reduce((a, r) => a + r.co2, 0)],
    ])
    expect(
      await duckdb(`SELECT dt::text || 'T' || lpad(hour::text, 2, '0') AS folder, count(*), count(DISTINCT reading), sum(equivalentco2ppm)
        FROM ${await archived()} GROUP BY folder ORDER BY folder`),
    ).toEqual(sums)
    expect(await duckdb(`SELECT count(*), count(DISTINCT (device_id, ts)) FROM ${await archived()}`)).toEqual([
      [ALL, ALL],
    ])
    // Last, when whatever could come twice has come.
    expect(await alerts()).toEqual(loud)
  })
})
