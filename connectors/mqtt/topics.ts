import { EngineError } from '../../src/base/errors.ts'

const TOPIC_BYTES_MAX = 65_535

/** Throws 22023 for what is no topic filter (MQTT 5, section 4.7): a wildcard is a level of its own, `#` the last. */
export function checkFilter(filter: string): void {
  const [share, group, ...shared] = filter.split('/')
  const isShared = share === '$share'
  const levels = isShared ? shared : filter.split('/')
  const wrong = levels.some(
    (level, i) =>
      (level.includes('#') && (level !== '#' || i < levels.length - 1)) || (level.includes('+') && level !== '+'),
  )
  const groupless = isShared && (group === undefined || group === '' || /[+#]/.test(group) || shared.join('/') === '')
  if (filter !== '' && !wrong && !groupless && !filter.includes('\0') && Buffer.byteLength(filter) <= TOPIC_BYTES_MAX)
    return
  throw new EngineError('22023', `"${filter}" is not a topic filter of MQTT`, {
    hint: isShared
      ? "A shared subscription is '$share/group/filter'."
      : "'+' stands for one level, '#' for all that follow: 'sensors/+/temperature', 'sensors/#'.",
  })
}

/** What a topic may not hold becomes `_`, and so does nothing at all: a row is written wherever it belongs best, never lost. */
export function topicPart(text: string): string {
  return text === '' ? '_' : text.replace(/[+#\0]/g, '_')
}
