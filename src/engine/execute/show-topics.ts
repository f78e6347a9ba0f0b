import { EngineError, notSupported } from '../../base/errors.ts'
import type { ClientSession } from '../client-session.ts'
import { parseOptionValues } from '../options.ts'
import type { Plan } from './plan-statement.ts'
import { textPlan } from './text-plan.ts'

/** SHOW TOPICS FROM connection: what the other system says. */
export function showTopics(name: readonly string[], at: number, { engine, options }: ClientSession): Plan {
  const connection = engine.catalog.get(name, ['public', ...options.searchPath], at)
  if (connection.kind !== 'connection')
    throw new EngineError('42809', `"${name.join('.')}" is not a connection`, { position: at + 1 })
  const connector = engine.connector(connection.type)
  const { topics: list } = connector
  if (!list) throw notSupported(`SHOW TOPICS FROM a connection of type ${connection.type}`, at + 1)
  return textPlan(['topic', 'partitions', 'bytes', 'backlog'], 'SHOW', async () => {
    const { clock, log, dataDir } = engine.options
    // A connection may also say how records look, which is not its connector's.
    const own = Object.entries(connection.options).filter(([option]) => connector.options.some(o => o.name === option))
    const values = parseOptionValues(connector, Object.fromEntries(own))
    const topics = await list({ options: values, clock, log, dataDir, job: 'show' })
    return topics.map(({ name: topic, partitions, bytes, backlog }) => [
      topic,
      String(partitions),
      bytes === undefined ? null : String(bytes),
      backlog === undefined ? null : JSON.stringify(backlog),
    ])
  })
}
