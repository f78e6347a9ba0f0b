import { crc32 } from 'node:zlib'
import { toEngineError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { ObjectStore } from '../storage/object-store.ts'
import { deserialize, serialize } from './serialize.ts'

/** What a checkpoint holds, by name: operator snapshots, source positions, prepared commits. Structured-clonable values. */
export type Sections = Readonly<Record<string, unknown>>

export interface Checkpoint {
  readonly epoch: number
  readonly sections: Sections
}

/**
 *     0  8 bytes "TIDEMARK"   8  u32 version   12 u32 CRC-32 of bytes 16 … 44
 *     16 f64 epoch            24 f64 length of the body   32 f64 length of its graph   40 u32 CRC-32 of the body
 *     44 body: see serialize.ts
 */
const MAGIC = Buffer.from('TIDEMARK')
const VERSION = 3
const HEADER_BYTES = 44
/** One to use and one to fall back to. */
const KEPT = 2

/**
 * The checkpoints of one job, newest first. One that is half written, cut off or changed on disk is never used: the store puts
 * whole files, and a checksum covers every byte.
 */
export class Checkpoints {
  readonly #store: ObjectStore
  readonly #prefix: string
  readonly #log: Logger

  constructor(store: ObjectStore, job: string, log: Logger) {
    this.#store = store
    // A job's name is any string; a folder's is not.
    this.#prefix = `checkpoints/${encodeURIComponent(job).replaceAll('.', '%2E')}/`
    this.#log = log
  }

  /** Durable when it resolves; older ones but the last go then. `sections` is read before the call returns, and may change after. */
  async write(epoch: number, sections: Sections): Promise<void> {
    const { parts, graphLength } = serialize(sections)
    await this.#store.put(this.#key(epoch), [headerOf(epoch, parts, graphLength), ...parts])
    await this.#forget(epoch)
  }

  /** The newest complete one. Undefined: the job begins anew. */
  async latest(): Promise<Checkpoint | undefined> {
    for (const key of (await this.#store.list(this.#prefix)).reverse()) {
      const bytes = await this.#store.get(key)
      if (bytes === undefined) continue
      const read = readCheckpoint(bytes)
      if (typeof read !== 'string') return read
      this.#log.warn({ checkpoint: key, reason: read }, 'a damaged checkpoint is passed over for the one before it')
    }
    return undefined
  }

  /** Deletes them all: the job was dropped. */
  async clear(): Promise<void> {
    for (const key of await this.#store.list(this.#prefix)) await this.#store.delete(key)
  }

  /** Space is not worth failing a job for, so a failure here is only logged. */
  async #forget(epoch: number): Promise<void> {
    try {
      const keys = await this.#store.list(this.#prefix)
      const newest = this.#key(epoch)
      const older = keys.filter(key => key < newest)
      // A newer one is damaged or belongs to a past that was rolled back; it would win over this one after a crash.
      const newer = keys.filter(key => key > newest)
      for (const key of [...older.slice(0, older.length - (KEPT - 1)), ...newer]) await this.#store.delete(key)
    } catch (error) {
      this.#log.warn({ error: toEngineError(error).message }, 'old checkpoints could not be deleted')
    }
  }

  #key(epoch: number): string {
    return this.#prefix + String(epoch).padStart(16, '0')
  }
}

function headerOf(epoch: number, parts: readonly Uint8Array[], graphLength: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  let length = 0
  let checksum = 0
  for (const part of parts) {
    length += part.length
    checksum = crc32(part, checksum)
  }
  header.set(MAGIC)
  header.writeUInt32LE(VERSION, 8)
  header.writeDoubleLE(epoch, 16)
  header.writeDoubleLE(length, 24)
  header.writeDoubleLE(graphLength, 32)
  header.writeUInt32LE(checksum, 40)
  header.writeUInt32LE(crc32(header.subarray(16)), 12)
  return header
}

/** The checkpoint, or why it cannot be used. */
function readCheckpoint(bytes: Buffer): Checkpoint | string {
  if (bytes.length < HEADER_BYTES) return 'it is shorter than its header'
  if (!bytes.subarray(0, 8).equals(MAGIC)) return 'it does not begin as a checkpoint'
  if (bytes.readUInt32LE(8) !== VERSION) return `its version is ${bytes.readUInt32LE(8)}, this program knows ${VERSION}`
  if (bytes.readUInt32LE(12) !== crc32(bytes.subarray(16, HEADER_BYTES))) return 'its header is damaged'
  const body = bytes.subarray(HEADER_BYTES)
  if (body.length !== bytes.readDoubleLE(24)) return `${body.length} of ${bytes.readDoubleLE(24)} bytes are there`
  if (crc32(body) !== bytes.readUInt32LE(40)) return 'its checksum does not match'
  // The checksum says that write() made it.
  return { epoch: bytes.readDoubleLE(16), sections: deserialize(body, bytes.readDoubleLE(32)) as Sections }
}
