import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { EngineError } from '../../src/base/errors.ts'
import type { Batch } from '../../src/batch/batch.ts'
import type { DataType, Schema } from '../../src/batch/types.ts'
import type { Session } from '../../src/engine/session.ts'
import { RecordBlock } from '../../src/log/block.ts'
import { SqlEngine } from '../support/sql-engine.ts'
import type { Step } from './script.ts'

interface Subscription {
  readonly session: Session
  readonly batches: AsyncIterator<Batch>
  readonly schema: Schema
  /** Times each row came, less the times it was taken back, since it was last asked. */
  counts: Map<string, number>
  failed: unknown
}

/** Plays the steps of an .slt file against an engine; README.md here lists the words. */
export class Player {
  readonly sql: SqlEngine
  #subscriptions = new Map<string, Subscription>()
  /** Statements that a session forgets when the engine starts again. */
  #ofSession: string[] = []

  private constructor(sql: SqlEngine) {
    this.sql = sql
  }

  static async open(rowsMax: number): Promise<Player> {
    return new Player(await SqlEngine.open(rowsMax))
  }

  /** True when a reopened engine would not know what the script goes on with. */
  get holdsSession(): boolean {
    return this.#subscriptions.size > 0 || this.sql.session.transaction !== 'I'
  }

  async restart(save: boolean): Promise<void> {
    this.#subscriptions.clear()
    await this.sql.restart({ save })
    for (const sql of this.#ofSession) await this.sql.run(sql)
    await this.sql.settle()
  }

  async play(step: Step): Promise<void> {
    const [word, ...words] = step.words
    const lines = step.expected ?? step.body
    switch (word) {
      case 'statement':
        return await this.#statement(step)
      case 'query':
        return await this.#query(step)
      case 'feed':
        return await this.#feed(step)
      case 'watermark':
        await this.sql.settle()
        if (words.length > 0) await this.#expectWatermark(words[0], words.slice(1).join(' '))
        return
      case 'clock':
        this.sql.clock.wallMs = movedClock(this.sql.clock.wallMs, words)
        return await this.sql.settle()
      case 'subscribe':
        return await this.#subscribe(words[0], step.body.join('\n'))
      case 'unsubscribe':
        this.#subscriptions.get(words[0])?.session.cancel()
        this.#subscriptions.delete(words[0])
        return await this.sql.settle()
      case 'changes':
        return await this.#changes(words[0], lines)
      case 'records':
        return expect(this.#records(words[0])).toEqual(lines.toSorted())
      case 'file':
        return writeFileSync(join(this.sql.dir, words[0]), `${step.body.join('\n')}\n`)
      case 'restart':
        return await this.restart(true)
      case 'crash':
        return await this.restart(false)
      default:
        throw new Error(`unknown word "${word}"`)
    }
  }

  #text(body: readonly string[]): string {
    return body.join('\n').replaceAll('$DIR', this.sql.dir)
  }

  async #statement({ words: [, verdict, sqlState, ...message], body, expected }: Step): Promise<void> {
    const sql = this.#text(body)
    if (verdict === 'ok') {
      const { notices } = await this.sql.run(sql)
      if (expected) expect(notices).toEqual(expected.map(line => line.replace(/^notice: /, '')))
      if (/^\s*(SET|RESET|PREPARE)\b/i.test(sql)) this.#ofSession.push(sql)
      return await this.sql.settle()
    }
    const error = await this.sql.run(sql).then(
      () => new Error('it should fail, and did not'),
      (e: unknown) => e,
    )
    if (!(error instanceof EngineError)) throw error
    const expectedMessage = expect.stringContaining(message.join(' '))
    expect({ sqlState: error.sqlState, message: error.message }).toEqual({ sqlState, message: expectedMessage })
    for (const line of expected ?? []) {
      const [, what, text] = /^(\w+): (.*)/.exec(line) ?? []
      if (what === 'at') expect(sql.slice((error.position ?? sql.length + 1) - 1).slice(0, text.length)).toBe(text)
      else if (what === 'hint' || what === 'detail') expect(error[what]).toContain(text)
      else throw new Error(`unknown expectation "${line}"`)
    }
  }

  async #query({ words: [, types, sort], body, expected = [] }: Step): Promise<void> {
    const { schema, rows } = await this.sql.run(this.#text(body))
    const lines = rows.map(line)
    expect(sort === 'rowsort' ? lines.sort() : lines).toEqual(sort === 'rowsort' ? expected.toSorted() : expected)
    expect((schema?.fields ?? []).map(f => letter(f.type)).join('')).toBe(types)
  }

  async #feed({ words: [, topic, ...options], body }: Step): Promise<void> {
    const option = (name: string): string | undefined =>
      options.includes(name) ? options[options.indexOf(name) + 1] : undefined
    const [partition, key, at] = ['partition', 'key', 'at'].map(option)
    const timestampMs = at === undefined ? undefined : Date.parse(at)
    const records = body.map(text => ({ value: text === 'NULL' ? null : text, key, timestampMs }))
    await this.sql.feed(topic, records, partition === undefined ? undefined : Number(partition))
    await this.sql.settle()
  }

  #records(name: string): string[] {
    const { log } = this.sql.engine
    const topic = log.topic(name)
    const lines: string[] = []
    for (let p = 0; p < topic.partitions; p++) {
      const block = new RecordBlock()
      for (let offset = 0; ; offset = block.nextOffset) {
        log.read(topic, p, offset, 1 << 20, block)
        if (block.count === 0) break
        for (let i = 0; i < block.count; i++) {
          const { key, value } = block.recordAt(i)
          const text = value ? Buffer.from(value).toString() : 'NULL'
          lines.push(key ? `${Buffer.from(key).toString()} => ${text}` : text)
        }
      }
    }
    return lines.sort()
  }

  async #expectWatermark(source: string, expected: string): Promise<void> {
    const sql = `SELECT DISTINCT watermark AT TIME ZONE 'UTC' FROM tidemark.watermarks WHERE source = '${source}'`
    expect((await this.sql.run(sql)).rows.map(line)).toEqual([expected])
  }

  async #subscribe(name: string, sql: string): Promise<void> {
    const session = await this.sql.engine.connect({ user: 'tidemark', database: 'tidemark', settings: new Map() })
    const [statement] = session.parse(sql)
    const result = await session.execute(await session.prepare(statement, []), [])
    if (!('batches' in result)) throw new Error('subscribe needs a statement with rows')
    const batches = result.batches[Symbol.asyncIterator]()
    const subscription: Subscription = { session, batches, schema: result.schema, counts: new Map(), failed: undefined }
    this.#subscriptions.set(name, subscription)
    this.#pull(subscription).catch((error: unknown) => {
      subscription.failed = error
    })
    await this.sql.settle()
  }

  async #pull(subscription: Subscription): Promise<void> {
    const { batches, schema } = subscription
    const differences = schema.fields[1]?.name === 'tidemark_diff'
    for (;;) {
      const next = await batches.next()
      if (next.done) return
      for (const row of this.sql.textsOf(next.value, schema)) {
        const text = line(differences ? row.slice(2) : row)
        const weight = differences ? Number(row[1]) : 1
        subscription.counts.set(text, (subscription.counts.get(text) ?? 0) + weight)
      }
    }
  }

  async #changes(name: string, expected: readonly string[]): Promise<void> {
    await this.sql.settle()
    const subscription = this.#subscriptions.get(name)
    if (!subscription) throw new Error(`nothing is subscribed as ${name}`)
    if (subscription.failed !== undefined) throw subscription.failed
    const lines = [...subscription.counts].flatMap(([text, count]) =>
      Array.from({ length: Math.abs(count) }, () => `${count > 0 ? '+' : '-'} ${text}`),
    )
    subscription.counts = new Map()
    expect(lines.sort()).toEqual(expected.toSorted())
  }
}

/** A row as files write it. */
export function line(row: readonly (string | null)[]): string {
  return row.map(text => (text === null ? 'NULL' : text === '' ? '(empty)' : text.replaceAll('\n', '\\n'))).join(' | ')
}

/** I integers, R reals and numerics, B booleans, T text, D dates and times, ? anything else. */
function letter({ kind }: DataType): string {
  if (['smallint', 'integer', 'bigint'].includes(kind)) return 'I'
  if (['real', 'double', 'numeric'].includes(kind)) return 'R'
  if (['text', 'varchar'].includes(kind)) return 'T'
  if (['date', 'time', 'timestamp', 'timestamptz'].includes(kind)) return 'D'
  return kind === 'boolean' ? 'B' : '?'
}

/** `clock +10 seconds`, or `clock 2026-01-01T13:00:00Z`. */
function movedClock(nowMs: number, [first, unit]: readonly string[]): number {
  if (!first.startsWith('+')) return Date.parse(first)
  const unitMs: Readonly<Record<string, number>> = { seconds: 1000, minutes: 60_000, hours: 3_600_000 }
  return nowMs + Number(first) * unitMs[unit]
}
