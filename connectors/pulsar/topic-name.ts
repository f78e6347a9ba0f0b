import { EngineError, notSupported } from '../../src/base/errors.ts'

/**
 * The full name, `persistent://tenant/namespace/topic`, of 'topic' (in public/default), 'tenant/namespace/topic', or
 * 'tenant/namespace.topic', which is what SQL's pulsar."tenant/namespace".topic comes to.
 */
export function fullTopicName(text: string): string {
  const given = text.trim()
  if (given.startsWith('non-persistent://'))
    throw notSupported(
      'a topic that is not persistent',
      undefined,
      'It has no positions, so that no job could go on from one.',
    )
  const name = given.replace(/^persistent:\/\//, '')
  const parts = name.split('/')
  if (parts.length === 1 && given === name && valid(name)) return `persistent://public/default/${name}`
  if (parts.length === 3 && parts.every(valid)) return `persistent://${name}`
  const dot = parts[1]?.indexOf('.') ?? -1
  if (parts.length === 2 && given === name && dot > 0) {
    const [namespace, topic] = [parts[1].slice(0, dot), parts[1].slice(dot + 1)]
    if ([parts[0], namespace, topic].every(valid)) return `persistent://${parts[0]}/${namespace}/${topic}`
  }
  throw new EngineError(
    '22023',
    `option topic = '${text}' must be 'topic' or 'tenant/namespace/topic'; several with commas`,
  )
}

/** The topics that hold a topic's messages; a topic without partitions (`count` 0) is its own. */
export function partitionsOf(topic: string, count: number): string[] {
  return count === 0 ? [topic] : Array.from({ length: count }, (_, partition) => `${topic}-partition-${partition}`)
}

/** The topic that a partition belongs to; other names are their own. */
export function withoutPartition(topic: string): string {
  return topic.replace(/-partition-\d+$/, '')
}

/** Of a partition, without what every name begins with. */
export function shortTopicName(topic: string): string {
  return topic.replace(/^persistent:\/\/(public\/default\/)?/, '')
}

function valid(part: string): boolean {
  return /^[^\s/,]+$/.test(part)
}
