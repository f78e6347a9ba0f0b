import { execFileSync } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'

/** What a piece of work took. CPU time is told beside wall time because the machine may be shared. */
export interface Cost {
  readonly wallMs: number
  readonly cpuMs: number
}

/** One figure; `other` and `ratio` where there is something to hold it against. */
export interface Figure {
  readonly what: string
  readonly ours: number
  readonly other?: number
  /** How many times better ours is. */
  readonly ratio?: number
  readonly goal?: string
  readonly unit: string
}

/** Runs it in this process; CPU of all of the process's threads. */
export async function costOf(work: () => Promise<unknown>): Promise<Cost> {
  const cpu = process.cpuUsage()
  const started = performance.now()
  await work()
  const { user, system } = process.cpuUsage(cpu)
  return { wallMs: performance.now() - started, cpuMs: (user + system) / 1000 }
}

/** Runs the contestants in turn, round after round, so that what else goes on hits them alike; answers the median cost of each. The first round warms up. */
export async function alternate(
  rounds: number,
  contestants: Readonly<Record<string, () => Promise<Cost>>>,
): Promise<Record<string, Cost>> {
  const costs = new Map<string, Cost[]>(Object.keys(contestants).map(name => [name, []]))
  for (let round = 0; round <= rounds; round++) {
    for (const [name, run] of Object.entries(contestants)) {
      const cost = await run()
      if (round > 0) costs.get(name)?.push(cost)
      const label = round === 0 ? 'warm-up' : `round ${round}`
      console.log(
        `  ${label.padEnd(8)} ${name.padEnd(12)} ${cost.wallMs.toFixed(0).padStart(7)} ms wall ${cost.cpuMs.toFixed(0).padStart(7)} ms CPU`,
      )
    }
  }
  return Object.fromEntries(
    [...costs].map(([name, list]) => [
      name,
      { wallMs: median(list.map(c => c.wallMs)), cpuMs: median(list.map(c => c.cpuMs)) },
    ]),
  )
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** The value below which the share `q` of all values lies. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]
}

/** Prints the figures and appends them to results.jsonl, with the commit they are of. */
export function report(bench: string, figures: readonly Figure[]): void {
  const load = loadavg()[0]
  for (const { what, ours, other, ratio, goal, unit } of figures) {
    const against = other === undefined ? '' : ` against ${round(other)} ${unit}`
    const times = ratio === undefined ? '' : `: ${ratio.toFixed(2)} times`
    console.log(`${what}: ${round(ours)} ${unit}${against}${times}${goal ? ` (goal ${goal})` : ''}`)
  }
  console.log(`load of the machine: ${load.toFixed(1)}`)
  const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim()
  const commit = `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', 'src', 'connectors') === '' ? '' : '+'}`
  const line = { bench, date: new Date().toISOString(), commit, load: round(load), figures: figures.map(rounded) }
  appendFileSync(join(import.meta.dirname, '../results.jsonl'), `${JSON.stringify(line)}\n`)
}

function rounded({ what, ours, other, ratio, unit }: Figure) {
  const maybe = (value: number | undefined): number | undefined => (value === undefined ? undefined : round(value))
  return { what, ours: round(ours), other: maybe(other), ratio: maybe(ratio), unit }
}

function round(value: number): number {
  return Number(value.toPrecision(3))
}
