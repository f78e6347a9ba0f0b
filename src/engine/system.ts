import { type Batch, batchOfRows } from '../batch/batch.ts'
import { BIGINT, BYTEA, type Datum, DOUBLE, type Field, type Schema, TEXT, TIMESTAMPTZ } from '../batch/types.ts'
import type { AsideRow } from '../jobs/aside.ts'
import type { SystemRelation } from './catalog.ts'
import type { Engine } from './engine.ts'
import { jobOf, qualifiedName } from './objects.ts'
import { shownSql } from './shown-sql.ts'

const text = (name: string): Field => ({ name, type: TEXT })
const bigint = (name: string): Field => ({ name, type: BIGINT })
const time = (name: string): Field => ({ name, type: TIMESTAMPTZ })

/** In pieces where there may be many. */
type Rows = (engine: Engine) => Promise<Datum[][]> | AsyncIterable<Datum[][]>

const micros = (ms: number | undefined): number | null => (ms === undefined ? null : Math.floor(ms * 1000))

async function jobs(engine: Engine): Promise<Datum[][]> {
  const statuses = await engine.supervisor.status()
  return statuses.map(s => {
    const object = engine.catalog.objects.get(s.job)
    const kind = object?.kind === 'source' ? 'stream' : (object?.kind ?? null)
    const paused = (object && jobOf(object)?.paused) ?? false
    const {
      job,
      dataflow,
      state,
      error,
      sqlState,
      retryAtMs,
      rowsIn,
      rowsLate,
      rowsBad,
      epoch,
      checkpointMs,
      stateBytes,
    } = s
    const lag = s.sources.reduce<number | null>((sum, { lag }) => (lag === undefined ? sum : (sum ?? 0) + lag), null)
    const at = micros(retryAtMs)
    const shown = state === 'running' && paused ? 'paused' : state
    return [
      ...[
        job.replace(/^public\./, ''),
        kind,
        shown,
        error ?? null,
        sqlState ?? null,
        at,
        rowsIn,
        rowsLate,
        rowsBad,
        lag,
      ],
      ...[epoch, checkpointMs, stateBytes, dataflow],
    ]
  })
}

async function watermarks(engine: Engine): Promise<Datum[][]> {
  const statuses = await engine.supervisor.status()
  return statuses.flatMap(({ job, sources }) =>
    sources.map(s => [job.replace(/^public\./, ''), s.source, s.watermark ?? null, s.lag ?? null, s.position]),
  )
}

/** Of at most 16 KB each: a few megabytes, read in a few milliseconds. */
const ASIDE_ROWS_A_PIECE = 256

/** What jobs put aside, each job's newest first, in pieces; others get their turn between two. */
async function* asideRows({ aside, options }: Engine): AsyncGenerator<AsideRow[], void, undefined> {
  for (const job of aside.jobs()) {
    for (let before: number | undefined; ; ) {
      const rows = aside.list(job, { before, limit: ASIDE_ROWS_A_PIECE })
      if (rows.length === 0) break
      yield rows.map(({ row }) => row)
      before = rows[rows.length - 1].number
      await options.clock.sleep(0)
    }
  }
}

function aside(kind: 'late' | 'bad'): Rows {
  const cells = (r: AsideRow): Datum[] => {
    const common: Datum[] = [r.job.replace(/^public\./, ''), r.source]
    const decoded = new TextDecoder().decode(r.raw)
    if (kind === 'late')
      return [...common, Number.isFinite(r.watermark) ? (r.watermark ?? null) : null, decoded, micros(r.seenMs)]
    return [
      ...common,
      r.partition ?? null,
      r.offset === undefined ? null : Number(r.offset),
      r.reason,
      r.raw,
      decoded,
      micros(r.seenMs),
    ]
  }
  return async function* (engine) {
    for await (const rows of asideRows(engine)) yield rows.filter(row => row.kind === kind).map(cells)
  }
}

function objects(kind: string): Rows {
  return async engine =>
    [...engine.catalog.objects.values()]
      .filter(o => o.kind === kind)
      .map(o => [o.shortName, o.schemaName, shownSql(o.sql, engine.options.connectors), qualifiedName(o)])
}

async function connections(engine: Engine): Promise<Datum[][]> {
  const all = [...engine.catalog.objects.values()].filter(o => o.kind === 'connection')
  return all.map(c => [c.shortName, c.type, Object.keys(c.options).join(', ')])
}

async function topics(engine: Engine): Promise<Datum[][]> {
  return engine.log
    .topics()
    .flatMap(topic => engine.log.describe(topic).map(p => [topic.name, String(p.partition), p.first, p.next, p.bytes]))
}

async function settings(engine: Engine): Promise<Datum[][]> {
  return [['data_dir', engine.options.dataDir]]
}

const catalogFields = [text('name'), text('schema'), text('definition'), text('qualified_name')]

const RELATIONS: Readonly<Record<string, { readonly fields: readonly Field[]; readonly rows: Rows }>> = {
  jobs: {
    fields: [
      ...[text('job'), text('kind'), text('state'), text('error'), text('sqlstate'), time('retry_at')],
      ...[bigint('rows_in'), bigint('rows_late'), bigint('rows_bad'), bigint('lag'), bigint('epoch')],
      ...[{ name: 'checkpoint_ms', type: DOUBLE }, bigint('state_bytes'), text('dataflow')],
    ],
    rows: jobs,
  },
  watermarks: {
    fields: [text('job'), text('source'), time('watermark'), bigint('lag'), text('position')],
    rows: watermarks,
  },
  late_rows: {
    fields: [text('job'), text('source'), time('watermark'), text('row'), time('seen_at')],
    rows: aside('late'),
  },
  bad_rows: {
    fields: [
      ...[text('job'), text('source'), text('partition'), bigint('offset'), text('reason')],
      ...[{ name: 'raw', type: BYTEA }, text('record'), time('seen_at')],
    ],
    rows: aside('bad'),
  },
  connections: { fields: [text('name'), text('type'), text('options')], rows: connections },
  sources: { fields: catalogFields, rows: objects('source') },
  sinks: { fields: catalogFields, rows: objects('sink') },
  views: { fields: catalogFields, rows: objects('view') },
  materialized_views: { fields: catalogFields, rows: objects('materialized view') },
  topics: {
    fields: [text('topic'), text('partition'), bigint('first_offset'), bigint('next_offset'), bigint('bytes')],
    rows: topics,
  },
  settings: { fields: [text('name'), text('value')], rows: settings },
}

/** The views of schema `tidemark`. */
export const systemRelations: readonly SystemRelation[] = Object.entries(RELATIONS).map(([name, { fields }]) => ({
  name: `tidemark.${name}`,
  schema: { fields },
}))

/** Their rows now. */
export async function* systemRows(name: string, engine: Engine): AsyncGenerator<Batch, void, undefined> {
  const { fields, rows } = RELATIONS[name.slice('tidemark.'.length)]
  const schema: Schema = { fields }
  const answer = rows(engine)
  if (Symbol.asyncIterator in answer) for await (const piece of answer) yield batchOfRows(schema, piece)
  else yield batchOfRows(schema, await answer)
}
