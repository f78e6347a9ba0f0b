import { encodeUtf8 } from '../../src/batch/column.ts'
import type { ByteWriter } from '../../src/format/byte-writer.ts'

/** The shares are exclusive of one another, so their sum is at most 1. */
export interface FleetSpec {
  readonly seed: number
  readonly devices: number
  readonly partitions: number
  /** Readings a second of the whole fleet. */
  readonly rate: number
  readonly startMs: number
  /** Share of readings that arrive with a time up to 3 seconds behind. */
  readonly outOfOrder: number
  /** Share with a time 1 to 15 minutes behind. */
  readonly late: number
  /** Share that repeats what the partition's reading before it says. */
  readonly duplicated: number
  /** Share that is no JSON, or not the JSON of a reading. */
  readonly malformed: number
  /** Share from clocks that say 1970 or up to ten years from now. */
  readonly wrongClock: number
  /** Share of devices that say nothing, for five minutes at a time. */
  readonly silent: number
}

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const SILENCE_MS = 5 * MINUTE_MS
const YEARS_MS = 3650 * DAY_MS
const SITES = ['berlin', 'lyon', 'oslo', 'porto', 'turin'].map(encodeUtf8)
const [DEVICE, SITE, TIME, TEMPERATURE, HUMIDITY, CO2, VOC, BATTERY] = [
  '{"device_id":"sensor-',
  '","site":"',
  '","ts":"',
  'Z","temperature":',
  ',"humidity":',
  ',"equivalentco2ppm":',
  ',"totalvocppb":',
  ',"battery":',
].map(encodeUtf8)
/** Where the record's key, `sensor-…`, lies in it. */
export const KEY_START = '{"device_id":"'.length
const DEVICE_DIGITS = 5
const BROKEN = [
  'not json at all',
  '{"device_id":',
  '[1,2,3]',
  '{"device_id":"sensor-00000","ts":"yesterday","temperature":"warm"}',
].map(encodeUtf8)
/** Invalid UTF-8. */
const NOISE = Uint8Array.of(0xff, 0xfe, 0x00, 0xc3, 0x28, 0xf0, 0x9f)

/** Each draw of a reading has its own salt, so that changing one rate changes nothing else. */
const SALT = {
  silence: 1,
  fate: 2,
  delay: 3,
  form: 4,
  temperature: 5,
  humidity: 6,
  co2: 7,
  voc: 8,
  home: 9,
  battery: 10,
}

/**
 * A fleet of room sensors. Reading `n` of a partition is a function of (seed, partition, n) and nothing else, so a position is a
 * number and a restart repeats exactly. Devices take turns; device d belongs to partition d mod partitions. Readings look like
 *
 *     {"device_id":"sensor-00042","site":"oslo","ts":"2026-01-01T08:00:00.125Z","temperature":21.37,"humidity":44.1,
 *      "equivalentco2ppm":612,"totalvocppb":87,"battery":93}
 *
 * Temperature follows the day with its maximum at 15:00 UTC, humidity falls as it rises, CO2 and VOC are high in working hours,
 * the battery falls by a point a day; every device has an offset of its own, and there is noise.
 */
export class Fleet {
  readonly #spec: FleetSpec
  /** Bounds of a uniform draw: below malformed, then wrong clock, … */
  readonly #fates: readonly number[]

  constructor(spec: FleetSpec) {
    this.#spec = spec
    let sum = 0
    const shares = [spec.malformed, spec.wrongClock, spec.late, spec.outOfOrder, spec.duplicated]
    this.#fates = shares.map(share => {
      sum += share
      return sum
    })
  }

  /** When reading n of a partition is sent. */
  dueMs(partition: number, n: number): number {
    const { startMs, partitions, rate } = this.#spec
    return startMs + Math.floor(((n * partitions + partition) * 1000) / rate)
  }

  /** How many readings of a partition were sent up to now. */
  dueCount(partition: number, nowMs: number): number {
    const { startMs, partitions, rate } = this.#spec
    // Up to rounding of dueMs: the last one may be due within this millisecond.
    let count = Math.max(0, Math.floor((((nowMs - startMs) / 1000) * rate - partition) / partitions) + 1)
    while (this.dueMs(partition, count) <= nowMs) count++
    while (count > 0 && this.dueMs(partition, count - 1) > nowMs) count--
    return count
  }

  /** Writes reading n. Answers the length of its key, or −1 when its device is silent and there is no record n. */
  write(partition: number, n: number, out: ByteWriter): number {
    const { silent } = this.#spec
    const dueMs = this.dueMs(partition, n)
    if (silent > 0 && this.#draw(this.#deviceOf(partition, n), Math.floor(dueMs / SILENCE_MS), SALT.silence) < silent)
      return -1
    const fate = this.#draw(partition, n, SALT.fate)
    const [malformed, wrongClock, late, outOfOrder, duplicated] = this.#fates
    if (fate >= duplicated) return this.#reading(partition, n, dueMs, out)
    if (fate >= outOfOrder)
      return this.#reading(partition, Math.max(0, n - 1), this.dueMs(partition, Math.max(0, n - 1)), out)
    const delay = this.#draw(partition, n, SALT.delay)
    if (fate < malformed) return this.#broken(partition, n, dueMs, out)
    if (fate < wrongClock) {
      const future = this.#draw(partition, n, SALT.form) < 0.5
      const clockMs = future ? dueMs + 60 * MINUTE_MS + Math.floor(delay * YEARS_MS) : Math.floor(delay * DAY_MS)
      return this.#reading(partition, n, clockMs, out)
    }
    const behindMs = fate < late ? MINUTE_MS + delay * 14 * MINUTE_MS : delay * 3000
    return this.#reading(partition, n, dueMs - Math.floor(behindMs), out)
  }

  #reading(partition: number, n: number, timeMs: number, out: ByteWriter): number {
    const device = this.#deviceOf(partition, n)
    const dayShare = (((timeMs % DAY_MS) + DAY_MS) % DAY_MS) / DAY_MS
    const home = this.#draw(device, 0, SALT.home)
    const noise = (salt: number): number => this.#draw(partition, n, salt) - 0.5
    const warmth = Math.cos(2 * Math.PI * (dayShare - 15 / 24))
    const occupied = dayShare > 7 / 24 && dayShare < 18 / 24 ? Math.sin(((dayShare - 7 / 24) / (11 / 24)) * Math.PI) : 0
    const start = out.at + KEY_START
    out.raw(DEVICE, 0, DEVICE.length)
    for (let power = 10 ** (DEVICE_DIGITS - 1); power > device && power > 1; power /= 10) out.byte(48)
    out.integer(device)
    const keyLength = out.at - start
    const site = SITES[device % SITES.length]
    out.raw(SITE, 0, SITE.length)
    out.raw(site, 0, site.length)
    out.raw(TIME, 0, TIME.length)
    const days = Math.floor(timeMs / DAY_MS)
    out.date(days)
    out.byte(84)
    out.time((timeMs - days * DAY_MS) * 1000)
    out.raw(TEMPERATURE, 0, TEMPERATURE.length)
    hundredths(21 + 3 * warmth + 4 * (home - 0.5) + noise(SALT.temperature), out)
    out.raw(HUMIDITY, 0, HUMIDITY.length)
    hundredths(45 - 6 * warmth + 10 * (home - 0.5) + 2 * noise(SALT.humidity), out)
    out.raw(CO2, 0, CO2.length)
    out.integer(Math.round(420 + 700 * occupied * (0.5 + home) + 30 * (noise(SALT.co2) + 0.5)))
    out.raw(VOC, 0, VOC.length)
    out.integer(Math.round(30 + 250 * occupied * (0.5 + home) + 20 * (noise(SALT.voc) + 0.5)))
    out.raw(BATTERY, 0, BATTERY.length)
    const spent = Math.floor(timeMs / DAY_MS + this.#draw(device, 0, SALT.battery) * 90) % 90
    out.integer(100 - ((spent + 90) % 90))
    out.byte(125)
    return keyLength
  }

  /** A reading cut short, text that is none, or noise. Keeps no key. */
  #broken(partition: number, n: number, timeMs: number, out: ByteWriter): number {
    const form = Math.floor(this.#draw(partition, n, SALT.form) * (BROKEN.length + 2))
    if (form < BROKEN.length) out.raw(BROKEN[form], 0, BROKEN[form].length)
    else if (form === BROKEN.length) out.raw(NOISE, 0, NOISE.length)
    else {
      const start = out.at
      this.#reading(partition, n, timeMs, out)
      out.at = start + Math.floor((out.at - start) / 2)
    }
    return 0
  }

  #deviceOf(partition: number, n: number): number {
    const { devices, partitions } = this.#spec
    const own = Math.ceil((devices - partition) / partitions)
    return partition + (n % own) * partitions
  }

  /** Uniform in [0, 1), a function of its arguments and the seed. */
  #draw(a: number, b: number, salt: number): number {
    const high = Math.floor(b / 4294967296)
    let h = Math.imul(this.#spec.seed ^ Math.imul(salt, 0x9e3779b1), 0x85ebca6b)
    h = Math.imul(h ^ (h >>> 15) ^ a ^ Math.imul(high, 0x27d4eb2f), 0x2c1b3c6d)
    h = Math.imul(h ^ (h >>> 13) ^ b, 0x297a2d39)
    h = Math.imul(h ^ (h >>> 16), 0xc2b2ae35)
    return ((h ^ (h >>> 15)) >>> 0) / 4294967296
  }
}

/** A decimal with two digits after the point, and none that are zero at its end. */
function hundredths(value: number, out: ByteWriter): void {
  const scaled = Math.round(Math.abs(value) * 100)
  const whole = Math.floor(scaled / 100)
  const rest = scaled - 100 * whole
  if (value < 0 && scaled > 0) out.byte(45)
  out.integer(whole)
  if (rest === 0) return
  out.byte(46)
  out.byte(48 + Math.floor(rest / 10))
  if (rest % 10 !== 0) out.byte(48 + (rest % 10))
}
