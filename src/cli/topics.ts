import { systemClock } from '../base/clock.ts'
import { EngineError } from '../base/errors.ts'
import type { Log } from '../log/log.ts'
import { openLog } from '../log/log.ts'
import { table } from './client.ts'
import type { Command, Terminal } from './command.ts'

/** `tidemark topics`: the embedded topics of a data directory, also while a server has it open. */
export const topicsCommand: Command = {
  name: 'topics',
  synopsis: 'list | produce TOPIC | consume TOPIC [--follow]',
  doc: 'the embedded topics: list them, write lines of standard input, print records',
  words: [1, 2],
  flags: [
    { name: 'data', value: 'DIR', doc: 'data directory', default: './tidemark-data' },
    { name: 'follow', doc: 'consume: go on as records come' },
    { name: 'key-separator', value: 'TEXT', doc: 'produce: what is before it is the key' },
    { name: 'partitions', value: 'N', doc: 'produce: partitions of a new topic', default: '1', parse: Number },
  ],
  run: async ([verb, topic], flags, terminal) => {
    if (verb !== 'list' && topic === undefined)
      throw new EngineError('22023', `topics ${verb} needs the name of a topic`)
    const log = openLog(String(flags.data))
    try {
      if (verb === 'list') list(log, terminal)
      else if (verb === 'produce') await produce(log, topic, flags, terminal)
      else if (verb === 'consume') await consume(log, topic, flags.follow === true, terminal)
      else throw new EngineError('22023', `topics cannot "${verb}"`, { hint: 'list, produce or consume' })
      return 0
    } finally {
      await log.close()
    }
  },
}

function list(log: Log, terminal: Terminal): void {
  const rows = log
    .topics()
    .flatMap(t => log.describe(t).map(p => [t.name, ...[p.partition, p.first, p.next, p.bytes].map(String)]))
  terminal.out(table(['topic', 'partition', 'first', 'next', 'bytes'], rows))
}

/** Lines appended at once: few enough to be quick to save, many enough to be fast. */
const LINES_PER_APPEND = 1000

async function produce(
  log: Log,
  name: string,
  flags: Readonly<Record<string, unknown>>,
  terminal: Terminal,
): Promise<void> {
  const topic =
    log.findTopic(name) ?? (await log.createTopic(name, { partitions: Number(flags.partitions) }, systemClock))
  const separator = flags['key-separator'] === undefined ? undefined : String(flags['key-separator'])
  const encoder = new TextEncoder()
  let rest = ''
  let count = 0
  const append = async (lines: readonly string[]): Promise<void> => {
    const timestampMs = Math.floor(systemClock.nowMs())
    const records = lines.map(line => {
      const at = separator === undefined ? -1 : line.indexOf(separator)
      const key = at < 0 ? null : encoder.encode(line.slice(0, at))
      return { key, value: encoder.encode(at < 0 ? line : line.slice(at + (separator?.length ?? 0))), timestampMs }
    })
    for (let i = 0; i < records.length; i += LINES_PER_APPEND)
      await log.append(topic, undefined, records.slice(i, i + LINES_PER_APPEND))
    count += lines.length
  }
  for await (const chunk of terminal.input) {
    const lines = (rest + (typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk))).split('\n')
    rest = lines.pop() ?? ''
    await append(lines.filter(line => line !== ''))
  }
  if (rest !== '') await append([rest])
  terminal.err(`${count} records\n`)
}

async function consume(log: Log, name: string, follow: boolean, terminal: Terminal): Promise<void> {
  const topic = log.topic(name)
  const next = log.describe(topic).map(p => p.first)
  const decoder = new TextDecoder()
  while (!terminal.signal.aborted) {
    let read = 0
    for (const partition of next.keys()) {
      const block = log.read(topic, partition, next[partition], 1 << 20)
      for (let i = 0; i < block.count; i++) {
        const start = block.starts[i]
        terminal.out(start < 0 ? '\n' : `${decoder.decode(block.bytes.subarray(start, block.ends[i]))}\n`)
      }
      next[partition] = Math.max(next[partition], block.nextOffset)
      read += block.count
    }
    if (read > 0) continue
    if (!follow) return
    await systemClock.sleep(100, terminal.signal)
  }
}
