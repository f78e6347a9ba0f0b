import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { EngineError } from '../../base/errors.ts'

/** Where a schema registry is. Plain data. */
export interface RegistryOptions {
  /** Base address, as in `http://registry:8081`; several, separated by commas, are tried in order. */
  readonly url: string
  readonly username?: string
  readonly password?: string
  /** PEM text of the authorities to trust, for https. */
  readonly ca?: string
}

/** A schema as the registry keeps it. */
export interface RegisteredSchema {
  readonly id: number
  readonly schema: string
  /** Schemas of names it refers to, in the order in which they build on each other. */
  readonly references: readonly string[]
}

const TIMEOUT_MS = 10_000
/** A schema is text that people write; more is no schema. */
const ANSWER_BYTES_MAX = 16 << 20
const REFERENCES_MAX = 100
const NOT_THERE = '42704'
const MEDIA_TYPE = 'application/vnd.schemaregistry.v1+json'

/**
 * Client of a schema registry with Confluent's REST API (Confluent, Apicurio's ccompat, Karapace, Redpanda). Throws EngineError: actor
 * external and retryable when the registry is away or refuses, actor user when what was asked for is not there or is not Avro.
 */
export class SchemaRegistry {
  readonly #options: RegistryOptions

  constructor(options: RegistryOptions) {
    this.#options = options
  }

  /** The schema of an id. */
  async schema(id: number): Promise<RegisteredSchema> {
    const found = await this.#ask('GET', `/schemas/ids/${id}`, `schema ${id}`)
    return await this.#withReferences({ ...found, id }, `schema ${id}`)
  }

  /** The newest schema of a subject; undefined: there is none. */
  async latest(subject: string): Promise<RegisteredSchema | undefined> {
    const what = `subject "${subject}"`
    const path = `/subjects/${encodeURIComponent(subject)}/versions/latest`
    try {
      return await this.#withReferences(await this.#ask('GET', path, what), what)
    } catch (error) {
      if (error instanceof EngineError && error.sqlState === NOT_THERE) return undefined
      throw error
    }
  }

  /** Registers a schema under a subject, or finds it there; answers its id. */
  async register(subject: string, schema: string): Promise<number> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions`
    const { id } = await this.#ask('POST', path, `subject "${subject}"`, JSON.stringify({ schema }))
    if (typeof id === 'number') return id
    throw this.#odd(`subject "${subject}"`)
  }

  async #withReferences(found: Answer, what: string): Promise<RegisteredSchema> {
    const { id, schema, schemaType = 'AVRO' } = found
    if (typeof id !== 'number' || typeof schema !== 'string') throw this.#odd(what)
    if (schemaType !== 'AVRO') throw new EngineError('22023', `${what} is of type ${schemaType}, not Avro`)
    const references: string[] = []
    await this.#collect(found, references, new Set())
    return { id, schema, references }
  }

  /** Depth first, so that what a schema builds on comes before it. */
  async #collect(found: Answer, into: string[], met: Set<string>): Promise<void> {
    for (const { subject, version } of found.references ?? []) {
      const path = `/subjects/${encodeURIComponent(subject)}/versions/${version}`
      if (met.has(path)) continue
      met.add(path)
      if (met.size > REFERENCES_MAX)
        throw new EngineError('54000', `a schema refers to more than ${REFERENCES_MAX} others`)
      const inner = await this.#ask('GET', path, `subject "${subject}", version ${version}`)
      await this.#collect(inner, into, met)
      if (typeof inner.schema === 'string') into.push(inner.schema)
    }
  }

  #odd(what: string): EngineError {
    return new EngineError('08P01', `the schema registry's answer about ${what} is not understood`, {
      actor: 'external',
    })
  }

  async #ask(method: 'GET' | 'POST', path: string, what: string, body?: string): Promise<Answer> {
    let failure: unknown
    for (const base of this.#options.url.split(',')) {
      try {
        return await this.#askOne(base.trim().replace(/\/+$/, ''), method, path, what, body)
      } catch (error) {
        if (error instanceof EngineError && !error.retryable) throw error
        failure = error
      }
    }
    throw failure
  }

  async #askOne(base: string, method: string, path: string, what: string, body?: string): Promise<Answer> {
    const { status, text } = await this.#send(`${base}${path}`, method, body)
    if (status >= 200 && status < 300) return this.#parsed(text, what)
    const { message = text.slice(0, 200) } = this.#tryParsed(text)
    if (status === 404) throw new EngineError(NOT_THERE, `${what} is not in the schema registry ${base}`)
    if (status === 401 || status === 403) {
      const hint = 'Give schema_registry_username and schema_registry_password.'
      throw new EngineError('28000', `the schema registry ${base} refuses ${what}: ${message}`, {
        actor: 'external',
        hint,
      })
    }
    if (status === 409 || status === 422) {
      const hint = "The registry's compatibility rule for the subject forbids it, or it is no schema."
      throw new EngineError('22023', `the schema registry ${base} refuses ${what}: ${message}`, { hint })
    }
    throw new EngineError('08006', `the schema registry ${base} answers ${status} about ${what}: ${message}`, {
      actor: 'external',
      retryable: true,
    })
  }

  #parsed(text: string, what: string): Answer {
    const value = this.#tryParsed(text)
    if (Object.keys(value).length === 0) throw this.#odd(what)
    return value
  }

  #tryParsed(text: string): Answer {
    try {
      const value: unknown = JSON.parse(text)
      return typeof value === 'object' && value !== null ? (value as Answer) : {} // each field is checked where it is used
    } catch {
      return {}
    }
  }

  #send(url: string, method: string, body: string | undefined): Promise<{ status: number; text: string }> {
    const { username, password, ca } = this.#options
    const auth = username === undefined ? undefined : `${username}:${password ?? ''}`
    return new Promise((resolve, reject) => {
      const away = (error: Error): void => {
        const why = error.message === '' && 'code' in error ? String(error.code) : error.message
        const hint = 'Check schema_registry, and that it runs.'
        const details = { actor: 'external', retryable: true, hint, cause: error } as const
        reject(new EngineError('08006', `cannot reach the schema registry ${new URL(url).origin}: ${why}`, details))
      }
      const onAnswer = (answer: IncomingMessage): void => {
        const chunks: Buffer[] = []
        let length = 0
        answer.on('error', away)
        answer.on('data', (chunk: Buffer) => {
          length += chunk.length
          if (length > ANSWER_BYTES_MAX) answer.destroy(new Error(`an answer of more than ${ANSWER_BYTES_MAX} bytes`))
          else chunks.push(chunk)
        })
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString() }))
      }
      const headers = { accept: MEDIA_TYPE, ...(body === undefined ? {} : { 'content-type': MEDIA_TYPE }) }
      const options = { method, auth, headers, timeout: TIMEOUT_MS, agent: false as const }
      const request = url.startsWith('https:')
        ? httpsRequest(url, { ...options, ca }, onAnswer)
        : httpRequest(url, options, onAnswer)
      request.on('timeout', () => request.destroy(new Error(`no answer in ${TIMEOUT_MS / 1000} s`)))
      request.on('error', away)
      request.end(body)
    })
  }
}

/** What may be in an answer. */
interface Answer {
  readonly id?: unknown
  readonly schema?: unknown
  readonly schemaType?: string
  readonly message?: string
  readonly references?: readonly { readonly subject: string; readonly version: number }[]
}
