import { Environment, type LogKey } from './environment.ts'

/** A row with its number. Rows of a job are numbered in the order they came. */
export interface NumberedRow<Row> {
  readonly number: number
  readonly row: Row
}

/** Opens the rows kept aside under `name` in a data directory; each job keeps its last `rowsMax`. */
export function openRowLog<Row>(dataDir: string, name: string, rowsMax: number): RowLog<Row> {
  return new RowLog(Environment.open(dataDir), name, rowsMax)
}

/**
 * Rows kept for people to look at, by job and number: tidemark.late_rows and tidemark.bad_rows. Putting a number again replaces its
 * row, so a job that repeats its work after a crash records nothing twice. Rows are plain data: strings, numbers, byte arrays.
 */
export class RowLog<Row> {
  readonly #env: Environment
  readonly #name: string
  readonly #rowsMax: number

  constructor(env: Environment, name: string, rowsMax: number) {
    this.#env = env
    this.#name = name
    this.#rowsMax = rowsMax
  }

  close(): Promise<void> {
    return this.#env.close()
  }

  /** Durable when it resolves. Rows whose number is `rowsMax` or more behind the job's newest go. */
  put(job: string, rows: readonly NumberedRow<Row>[]): Promise<void> {
    if (rows.length === 0) return Promise.resolve()
    return this.#env.commit(() => {
      for (const { number, row } of rows) this.#env.rows.putSync([this.#name, job, number], row)
      for (const newest of this.#keys(job, { reverse: true, limit: 1 })) {
        const keep = Number(newest[2]) - this.#rowsMax + 1
        for (const key of this.#keys(job, { end: keep })) this.#env.rows.removeSync(key)
      }
    })
  }

  /** A job's newest rows whose number is less than `before`, the newest first: whoever wants all asks in pieces. */
  list(job: string, { before, limit }: { readonly before?: number; readonly limit: number }): NumberedRow<Row>[] {
    this.#env.refresh()
    // Only put() writes here.
    return this.#keys(job, { reverse: true, end: before, limit }).map(key => ({
      number: Number(key[2]),
      row: this.#env.rows.get(key) as Row,
    }))
  }

  /** Jobs that have rows here. */
  jobs(): string[] {
    this.#env.refresh()
    const jobs: string[] = []
    for (let after: LogKey = [this.#name]; ; after = [this.#name, jobs[jobs.length - 1], Infinity]) {
      const [key] = this.#env.rows.getKeys({ start: after, end: [this.#name, '\uffff'], limit: 1 })
      if (!key) return jobs
      jobs.push(String(key[1]))
    }
  }

  /** Forgets a job's rows: it was dropped. */
  clear(job: string): Promise<void> {
    return this.#env.commit(() => {
      for (const key of this.#keys(job, {})) this.#env.rows.removeSync(key)
    })
  }

  /** Keys of a job's rows, numbers below `end`. */
  #keys(job: string, range: { readonly reverse?: boolean; readonly limit?: number; readonly end?: number }): LogKey[] {
    const low: LogKey = [this.#name, job]
    const { reverse = false, limit, end = Infinity } = range
    // Where a range starts belongs to it, in either direction.
    const high: LogKey = [this.#name, job, reverse ? end - 1 : end]
    return [...this.#env.rows.getKeys({ start: reverse ? high : low, end: reverse ? low : high, reverse, limit })]
  }
}
