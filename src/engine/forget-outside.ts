import type { Engine } from './engine.ts'
import type { JobDefinition, SinkSpec } from './objects.ts'
import { parseOptionValues } from './options.ts'

/** Other systems let go of what they keep for a dropped job, beside the statement: they may be away, which must not hold it up. */
export function forgetOutside(name: string, { sources, sink }: JobDefinition, engine: Engine): void {
  const { clock, log, dataDir } = engine.options
  const common = { clock, log, dataDir, job: name.replace(/^public\./, ''), instance: engine.catalog.instance }
  const forget = (spec: Pick<SinkSpec, 'connector' | 'options'>, role: 'source' | 'sink'): void => {
    const connector = engine.connector(spec.connector)
    const options = parseOptionValues(connector, spec.options)
    connector.forget?.({ ...common, options }, role).catch((error: unknown) => {
      log.warn({ job: name, error: String(error) }, `${connector.name} may keep something for a job that was dropped`)
    })
  }
  for (const source of Object.values(sources)) forget(source, 'source')
  if (sink) forget(sink, 'sink')
}
