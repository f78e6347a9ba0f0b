/**
 * Where whole files are kept under names: the local disk or S3. Keys are path-like (`checkpoints/job/7`), of segments
 * that are neither empty, `.` nor `..`.
 */
export interface ObjectStore {
  /** The whole object; undefined when there is none. */
  get(key: string): Promise<Buffer | undefined>
  /**
   * Stores the parts, one after another, as one object. Atomic and durable: a reader finds the old object or the new one, and
   * once this resolves a power failure does not take it back. The parts are read before the call returns, so their memory may
   * be changed right after: a snapshot shares memory with running operators, and copying it would double what it costs.
   */
  put(key: string, parts: readonly Uint8Array[]): Promise<void>
  /** Keys that begin with `prefix`, in order of their characters' codes. */
  list(prefix: string): Promise<string[]>
  /** Nothing happens when there is none. */
  delete(key: string): Promise<void>
}
