import { existsSync } from 'node:fs'
import { systemClock } from '../base/clock.ts'
import { EngineError } from '../base/errors.ts'
import { wholeNumber } from '../base/option-parsers.ts'
import type { Log } from '../log/log.ts'
import { openLog } from '../log/log.ts'
import { type Command, didYouMean, type Flags, type Terminal, WrongUse } from './command.ts'
import { table } from './table.ts'

const VERBS = ['list', 'produce', 'consume']

/** `tidemark topics`: the embedded topics of a data directory, also while a server has it open. */
export const topicsCommand: Command = {
  name: 'topics',
  synopsis: 'list | produce TOPIC | consume TOPIC [--follow]',
  doc: 'the embedded topics: list them, write lines of standard input, print records',
  examples: [
    'tidemark topics produce readings < readings.ndjson',
    'tidemark topics consume readings --follow',
    "tidemark topics consume readings --key-separator '|'      KEY|VALUE, as produce reads it",
  ],
  words: [1, 2],
  flags: [
    { name: 'data', value: 'DIR', doc: 'data directory', default: './tidemark-data' },
    { name: 'follow', short: 'f', doc: 'consume: go on as records come' },
    { name: 'key-separator', value: 'TEXT', doc: 'between key and value of a line; else lines are values' },
    {
      name: 'partitions',
      value: 'N',
      doc: 'produce: partitions of a new topic',
      default: '1',
      parse: wholeNumber('--partitions', 1),
    },
  ],
  run: async ([verb, topic], flags, terminal) => {
    if (!VERBS.includes(verb)) {
      throw new WrongUse(
        `topics cannot "${verb}"`,
        didYouMean(verb, VERBS, text => text) ?? `it can ${VERBS.join(', ')}`,
      )
    }
    if (verb === 'list' && topic !== undefined) throw new WrongUse('topics list takes no name')
    if (verb !== 'list' && topic === undefined) throw new WrongUse(`topics ${verb} needs the name of a topic`)
    const dataDir = String(flags.data)
    if (verb !== 'produce' && !existsSync(dataDir)) {
      throw new EngineError('58P01', `there is no data directory ${dataDir}`, { hint: 'name it with --data DIR' })
    }
    const log = openLog(dataDir)
    try {
      if (verb === 'list') list(log, terminal)
      else if (verb === 'produce') await produce(log, topic, flags, terminal)
      else await consume(log, topic, flags, terminal)
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

async function produce(log: Log, name: string, flags: Flags, terminal: Terminal): Promise<void> {
  const topic =
    log.findTopic(name) ?? (await log.createTopic(name, { partitions: Number(flags.partitions) }, systemClock))
  const separator = separatorOf(flags)
  const encoder = new TextEncoder()
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
  for await (const lines of linesOf(terminal.input, terminal.signal)) await append(lines)
  terminal.err(`${count} record${count === 1 ? '' : 's'}\n`)
}

/** Whole lines as they arrive, empty ones left out. A character may be cut by the end of a chunk. Ends with the signal. */
async function* linesOf(input: NodeJS.ReadStream, signal: AbortSignal): AsyncGenerator<string[]> {
  signal.addEventListener('abort', () => input.destroy(), { once: true })
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for await (const chunk of input) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r?\n/)
      rest = lines.pop() ?? ''
      yield lines.filter(line => line !== '')
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
  rest += decoder.decode()
  if (rest !== '') yield [rest]
}

async function consume(log: Log, name: string, flags: Flags, terminal: Terminal): Promise<void> {
  const topic = log.topic(name)
  const next = log.describe(topic).map(p => p.first)
  const separator = separatorOf(flags)
  const decoder = new TextDecoder()
  while (!terminal.signal.aborted) {
    let read = 0
    for (const partition of next.keys()) {
      const block = log.read(topic, partition, next[partition], 1 << 20)
      const text = (start: number, end: number): string =>
        start < 0 ? '' : decoder.decode(block.bytes.subarray(start, end))
      let lines = ''
      for (let i = 0; i < block.count; i++) {
        if (separator !== undefined) lines += `${text(block.keyStarts[i], block.keyEnds[i])}${separator}`
        lines += `${text(block.starts[i], block.ends[i])}\n`
      }
      if (lines !== '') terminal.out(lines)
      next[partition] = Math.max(next[partition], block.nextOffset)
      read += block.count
    }
    await systemClock.sleep(0) // lets Ctrl-C in
    if (read > 0) continue
    if (flags.follow !== true) return
    await systemClock.sleep(100, terminal.signal)
  }
}

function separatorOf(flags: Flags): string | undefined {
  const given = flags['key-separator']
  return given === undefined ? undefined : String(given)
}
