import { EngineError, notSupported } from '../../base/errors.ts'
import type { ClientSession } from '../client-session.ts'
import type { Engine } from '../engine.ts'
import type { ConnectionObject } from '../objects.ts'
import { parseOptionValues } from '../options.ts'
import type { Plan } from './plan-statement.ts'
import { textPlan } from './text-plan.ts'

/** SHOW TOPICS FROM connection: what the other system says. */
export function showTopics(name: readonly string[], at: number, { engine, options }: ClientSession): Plan {
  const connection = engine.catalog.get(name, ['public', ...options.searchPath], at)
  if (connection.kind !== 'connection')
    throw new EngineError('42809', `"${name.join('.')}" is not a connection`, { position: at + 1 })
  const { topics: list } = engine.connector(connection.type)
  if (!list) throw notSupported(`SHOW TOPICS FROM a connection of type ${connection.type}`, at + 1)
  return textPlan(['topic', 'partitions', 'bytes', 'backlog'], 'SHOW', async () => {
    const topics = await list(contextOf(connection, engine))
    return topics.map(({ name: topic, partitions, bytes, backlog }) => [
      topic,
      String(partitions),
      bytes === undefined ? null : String(bytes),
      backlog === undefined ? null : JSON.stringify(backlog),
    ])
  })
}

/**
 * DROP TOPIC connection."name": deletes it in the other system, with what is in it. False where the name is of no connection, so that it means an
 * embedded topic. Throws 42P01 when there is no such topic.
 */
export async function dropOutside(name: readonly string[], at: number, engine: Engine): Promise<boolean> {
  const [first, ...rest] = name
  const connection = rest.length > 0 ? engine.catalog.find([first], ['public']) : undefined
  if (connection?.kind !== 'connection') return false
  const { dropTopic } = engine.connector(connection.type)
  if (!dropTopic) throw notSupported(`DROP TOPIC of a connection of type ${connection.type}`, at + 1)
  await dropTopic(contextOf(connection, engine), rest.join('.'))
  return true
}

function contextOf(connection: ConnectionObject, engine: Engine) {
  const { clock, log, dataDir } = engine.options
  const connector = engine.connector(connection.type)
  // A connection may also say how records look, which is not its connector's.
  const own = Object.entries(connection.options).filter(([option]) => connector.options.some(o => o.name === option))
  return { options: parseOptionValues(connector, Object.fromEntries(own)), clock, log, dataDir, job: 'topics' }
}
