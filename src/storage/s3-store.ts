import { assert } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import type { ObjectStore } from './object-store.ts'
import type { S3 } from './s3.ts'

/** Larger objects go in several parts, so that a broken line costs one of them. */
const PART_BYTES = 64 << 20

const OWNER_KEY = 'owner'

/**
 * Objects under `prefix` of a bucket. One server at a time may write them: the one that claimed them last. Another that still runs, on
 * a machine that was given up, say, is refused from its next write on (55006). Between its look and its write it may still be late by
 * a moment; S3 has no lock that would exclude it.
 */
export class S3Store implements ObjectStore {
  readonly #s3: S3
  readonly #prefix: string
  readonly #owner: string | undefined

  /** `prefix` is empty or ends with a slash; `owner` tells this server from others; undefined where others have no business. */
  constructor(s3: S3, prefix: string, owner?: string) {
    assert(prefix === '' || prefix.endsWith('/'), 'a prefix is a folder')
    this.#s3 = s3
    this.#prefix = prefix
    this.#owner = owner
  }

  /** From now on only who has this owner's name writes. */
  async claim(): Promise<void> {
    assert(this.#owner !== undefined, 'who claims has a name')
    await this.#s3.put(this.#prefix + OWNER_KEY, Buffer.from(this.#owner))
  }

  async get(key: string): Promise<Buffer | undefined> {
    return await this.#s3.get(this.#keyOf(key))
  }

  async put(key: string, parts: readonly Uint8Array[]): Promise<void> {
    const body = Buffer.concat(parts) // before the first await, as promised
    const name = this.#keyOf(key)
    await this.#refuseStranger()
    if (body.length <= PART_BYTES) return await this.#s3.put(name, body)
    const uploadId = await this.#s3.beginUpload(name)
    try {
      const etags: string[] = []
      for (let at = 0; at < body.length; at += PART_BYTES) {
        etags.push(await this.#s3.uploadPart(name, uploadId, etags.length + 1, body.subarray(at, at + PART_BYTES)))
      }
      await this.#s3.complete(name, uploadId, etags)
    } catch (error) {
      await this.#s3.abort(name, uploadId).catch(() => {}) // the first error is the one to tell
      throw error
    }
  }

  async list(prefix: string): Promise<string[]> {
    const keys: string[] = []
    for await (const page of this.#s3.list(this.#prefix + prefix)) {
      keys.push(...page.map(({ key }) => key.slice(this.#prefix.length)))
    }
    return keys.filter(key => key !== OWNER_KEY).sort()
  }

  async delete(key: string): Promise<void> {
    await this.#s3.delete(this.#keyOf(key))
  }

  #keyOf(key: string): string {
    const sane = key.split('/').every(s => s !== '' && s !== '.' && s !== '..' && !s.includes('\0'))
    assert(sane && key !== OWNER_KEY, `key ${JSON.stringify(key)}`)
    return this.#prefix + key
  }

  async #refuseStranger(): Promise<void> {
    if (this.#owner === undefined) return
    const owner = await this.#s3.get(this.#prefix + OWNER_KEY)
    if (owner === undefined || owner.toString() === this.#owner) return
    throw new EngineError('55006', `another server has taken over s3://${this.#s3.bucket}/${this.#prefix}`, {
      actor: 'external',
      hint: 'Stop this server; its jobs go on in the other one.',
    })
  }
}
