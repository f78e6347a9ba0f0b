import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { EngineError } from '../../src/base/errors.ts'
import type { Security } from './connection.ts'

const TIMEOUT_MS = 10_000
/** Lists of a large cluster are long, but not endless. */
const ANSWER_BYTES_MAX = 64 << 20

export interface TopicStats {
  readonly bytes: number
  readonly backlog: Readonly<Record<string, number>>
}

/** The administration of a cluster over HTTP, as much as SQL needs of it. https://pulsar.apache.org/admin-rest-api/ */
export class Admin {
  readonly #url: URL
  readonly #security: Security

  constructor(url: URL, security: Security) {
    this.#url = url
    this.#security = security
  }

  /** Makes a topic; false when it was there. 0 partitions: a topic without. Names are full. */
  async createTopic(topic: string, partitions: number): Promise<boolean> {
    const path = topic.replace('://', '/')
    const { status, text } =
      partitions === 0
        ? await this.#ask('PUT', path, undefined)
        : await this.#ask('PUT', `${path}/partitions`, String(partitions))
    if (status === 409) return false
    this.#expect(status, text, `make the topic ${topic}`)
    return true
  }

  /** Deletes a topic without partitions, if it is there. */
  async deleteTopic(topic: string): Promise<void> {
    const { status, text } = await this.#ask('DELETE', topic.replace('://', '/'), undefined)
    if (status !== 404) this.#expect(status, text, `delete the topic ${topic}`)
  }

  /** Persistent topics of all namespaces that may be seen, and their partitions; 0 for one without. */
  async topics(): Promise<{ readonly topic: string; readonly partitions: number }[]> {
    const found: { topic: string; partitions: number }[] = []
    for (const tenant of await this.#names('tenants', 'list tenants')) {
      for (const namespace of await this.#names(`namespaces/${tenant}`, `list namespaces of ${tenant}`))
        found.push(...(await this.topicsOf(namespace)))
    }
    return found
  }

  async topicsOf(namespace: string): Promise<{ readonly topic: string; readonly partitions: number }[]> {
    const doing = `list topics of ${namespace}`
    const partitioned = await this.#names(`persistent/${namespace}/partitioned`, doing)
    const all = await this.#names(`persistent/${namespace}`, doing)
    const found = new Map<string, number>(partitioned.map(topic => [topic, 0]))
    for (const topic of all) {
      const parent = topic.replace(/-partition-\d+$/, '')
      const partitions = found.get(parent)
      if (partitions === undefined) found.set(topic, 0)
      else if (parent !== topic) found.set(parent, partitions + 1)
    }
    return Array.from(found, ([topic, partitions]) => ({ topic, partitions }))
  }

  /** Bytes stored, and entries not acknowledged by subscription. */
  async statsOf(topic: string, partitions: number): Promise<TopicStats> {
    const path = `${topic.replace('://', '/')}/${partitions > 0 ? 'partitioned-stats?perPartition=false&' : 'stats?'}getPreciseBacklog=true`
    const { status, text } = await this.#ask('GET', path, undefined)
    this.#expect(status, text, `ask about the topic ${topic}`)
    const stats: { storageSize?: number; subscriptions?: Record<string, { msgBacklog?: number } | undefined> } =
      JSON.parse(text)
    const backlog = Object.entries(stats.subscriptions ?? {}).map(([name, s]) => [name, s?.msgBacklog ?? 0] as const)
    return { bytes: stats.storageSize ?? 0, backlog: Object.fromEntries(backlog) }
  }

  /** Whether brokers of the namespace drop what a producer has sent before. */
  async deduplicates(namespace: string): Promise<boolean | undefined> {
    const { status, text } = await this.#ask('GET', `namespaces/${namespace}/deduplication`, undefined)
    this.#expect(status, text, `ask whether ${namespace} deduplicates`)
    return text === 'true' ? true : text === 'false' ? false : undefined
  }

  async #names(path: string, doing: string): Promise<string[]> {
    const { status, text } = await this.#ask('GET', path, undefined)
    this.#expect(status, text, doing)
    const names: unknown = JSON.parse(text)
    return Array.isArray(names) ? names.map(String) : []
  }

  #expect(status: number, text: string, doing: string): void {
    if (status >= 200 && status < 300) return
    const reason = /"reason"\s*:\s*"([^"]*)"/.exec(text)?.[1] ?? `HTTP ${status}`
    const what = `Pulsar's administration cannot ${doing}: ${reason}`
    // It answers 401 also to a role without the right.
    if (status === 401 || status === 403)
      throw new EngineError('42501', what, {
        actor: 'external',
        hint: 'Check the option token, and what its role may do.',
      })
    if (status === 404) throw new EngineError('42P01', what, { actor: 'external' })
    throw new EngineError('58030', what, { actor: 'external', retryable: status >= 500 })
  }

  #ask(method: string, path: string, body: string | undefined): Promise<{ status: number; text: string }> {
    const url = new URL(`admin/v2/${path}`, this.#url)
    const { token, ca, certificate: cert, key } = this.#security
    const headers: Record<string, string> = { 'Content-Type': 'application/json' }
    if (token !== undefined) headers.Authorization = `Bearer ${token}`
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>()
    const options = { method, headers, ca, cert, key, timeout: TIMEOUT_MS }
    const send = url.protocol === 'https:' ? requestHttps : requestHttp
    const request = send(url, options, answer => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (part: string) => {
        text += part
        if (text.length > ANSWER_BYTES_MAX) request.destroy(new Error('an answer without end'))
      })
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }))
    })
    request.on('timeout', () => request.destroy(new Error('no answer in time')))
    request.on('error', cause =>
      reject(
        new EngineError('08001', `cannot reach Pulsar's administration at ${url.origin}: ${cause.message}`, {
          actor: 'external',
          retryable: true,
          hint: "Check admin_url = 'http://host:8080', or 'https://host:8443'.",
          cause,
        }),
      ),
    )
    request.end(body)
    return promise
  }
}
