import type { ObjectStore } from '../storage/object-store.ts'

/** A file that is durable and not yet visible; JSON that only its place reads. */
export type Staged = Readonly<Record<string, unknown>>

/** Where a sink puts files: a folder, or a prefix of a bucket. Files appear whole, when they are published. */
export interface Place {
  /** Objects of the sink's own beside them, in a folder that readers pass over because its name begins with an underscore. */
  readonly own: ObjectStore
  /** Stores a file that will be `key`. */
  stage(key: string, parts: readonly Uint8Array[]): Promise<Staged>
  /** Makes it visible. Runs again after a crash, and then finds it done. */
  publish(staged: Staged): Promise<void>
  /** Removes everything this sink has staged and not published. */
  sweep(): Promise<void>
  close(): Promise<void>
}

/** The folder of the program's own objects. */
export const OWN_FOLDER = '_tidemark'
