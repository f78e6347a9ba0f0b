import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { BroadcastChannel } from 'node:worker_threads'
import { type Database, open, type RootDatabase } from 'lmdb'
import { EngineError, toEngineError } from '../base/errors.ts'

/**
 * The one LMDB environment of a data directory, and the only door to it. Any number of threads and processes may have it open;
 * LMDB lets one of them write at a time and readers never wait.
 *
 * Settings, measured on 2 cores and ext4: a map of 1 TiB costs address space only (opening adds 1 MB of memory), and avoids
 * remapping while other threads read. `overlappingSync` is off: with it a commit is visible before it is on disk, so a job
 * could store a position beyond records that a power failure takes back. It gains nothing here: 0.4 ms a commit either way.
 */
export class Environment {
  readonly path: string
  /** Topics, partitions, markers: small structured values. */
  readonly meta: Database<unknown, LogKey>
  /** [topic id, partition, offset of the first record] → block. */
  readonly records: Database<Buffer, LogKey>
  /** [sink, round, n] → block not yet visible. */
  readonly staged: Database<Buffer, LogKey>
  /** Late and bad rows. */
  readonly rows: Database<unknown, LogKey>
  readonly #root: RootDatabase<unknown, LogKey>
  readonly #channel: BroadcastChannel
  readonly #listeners = new Map<number, Set<() => void>>()
  readonly #changed = new Set<number>()
  #queue: Operation[] = []
  #committing: Promise<void> | undefined
  #users = 1

  private constructor(path: string) {
    this.path = path
    mkdirSync(path, { recursive: true })
    this.#root = open<unknown, LogKey>({ path, noSubdir: false, maxDbs: 8, mapSize: 2 ** 40, overlappingSync: false })
    this.meta = this.#root.openDB<unknown, LogKey>({ name: 'meta', encoding: 'msgpack' })
    this.records = this.#root.openDB<Buffer, LogKey>({ name: 'records', encoding: 'binary' })
    this.staged = this.#root.openDB<Buffer, LogKey>({ name: 'staged', encoding: 'binary' })
    this.rows = this.#root.openDB<unknown, LogKey>({ name: 'rows', encoding: 'msgpack' })
    this.#channel = new BroadcastChannel(`tidemark-log:${path}`)
    this.#channel.onmessage = (event: unknown) => this.#wake(topicIdsOf(event))
    // A listening channel would keep the process alive.
    this.#channel.unref()
  }

  /** The environment under `dataDir`; this thread's users of one path share it. Close it as often as it was opened. */
  static open(dataDir: string): Environment {
    const path = resolve(join(dataDir, 'log'))
    const known = environments.get(path)
    if (known) {
      known.#users++
      return known
    }
    const environment = new Environment(path)
    environments.set(path, environment)
    return environment
  }

  async close(): Promise<void> {
    if (--this.#users > 0) return
    environments.delete(this.path)
    while (this.#committing) await this.#committing
    this.#channel.close()
    await this.#root.close()
  }

  /**
   * Runs `write` inside a write transaction and resolves when that is on disk. What is asked for while a commit is under way
   * shares the next one. `write` may throw an EngineError, but only before its first write: the transaction is not its own.
   */
  commit<T>(write: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let result: T
      this.#queue.push({
        write: () => {
          result = write()
        },
        resolve: () => resolve(result),
        reject,
      })
      this.#committing ??= this.#drain()
    })
  }

  /** Notes that a topic has new records; listeners of all threads hear of it after the commit. Call inside `commit`. */
  markChanged(topicId: number): void {
    this.#changed.add(topicId)
  }

  /** Calls back after every commit that touched the topic, in this thread or another. Returns how to stop. */
  listen(topicId: number, listener: () => void): () => void {
    const listeners = this.#listeners.get(topicId) ?? new Set()
    this.#listeners.set(topicId, listeners.add(listener))
    return () => {
      listeners.delete(listener)
    }
  }

  /** Lets reads from here on see the newest commit; LMDB would otherwise show that of the turn's first read. */
  refresh(): void {
    this.#root.resetReadTxn()
  }

  async #drain(): Promise<void> {
    // A turn's worth of callers first, then one transaction for all of them.
    await Promise.resolve()
    while (this.#queue.length > 0) {
      const operations = this.#queue
      this.#queue = []
      await this.#run(operations)
    }
    this.#committing = undefined
  }

  async #run(operations: readonly Operation[]): Promise<void> {
    const refused = new Map<Operation, EngineError>()
    this.#changed.clear()
    try {
      await this.#root.childTransaction(() => {
        for (const operation of operations) {
          try {
            operation.write()
          } catch (error) {
            if (!(error instanceof EngineError)) throw error
            refused.set(operation, error)
          }
        }
      })
    } catch (error) {
      for (const operation of operations) operation.reject(refused.get(operation) ?? storeError(error, this.path))
      return
    }
    this.refresh()
    for (const operation of operations) {
      const error = refused.get(operation)
      if (error) operation.reject(error)
      else operation.resolve()
    }
    if (this.#changed.size === 0) return
    const topicIds = [...this.#changed]
    this.#channel.postMessage(topicIds)
    this.#wake(topicIds)
  }

  #wake(topicIds: readonly number[]): void {
    for (const id of topicIds) for (const listener of this.#listeners.get(id) ?? []) listener()
  }
}

/** Ordered element by element: numbers before strings. */
export type LogKey = (string | number)[]

interface Operation {
  readonly write: () => void
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

const environments = new Map<string, Environment>()

function topicIdsOf(event: unknown): number[] {
  // The channel is ours alone: only #run posts to it.
  const { data } = event as { data: number[] }
  return data
}

function storeError(error: unknown, path: string): EngineError {
  const message = error instanceof Error ? error.message : String(error)
  if (/MDB_MAP_FULL|ENOSPC|No space left/i.test(message)) {
    return new EngineError('53100', `no space left for the embedded topics in ${path}`, {
      hint: 'Free disk space, or shorten the retention of a topic.',
      actor: 'external',
      retryable: true,
      cause: error,
    })
  }
  return toEngineError(error)
}
