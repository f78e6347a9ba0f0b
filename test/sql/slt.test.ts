import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../src/base/clock.ts'
import { Player } from './player.ts'
import { expectRecomputed } from './recompute.ts'
import { parseSlt, type Step } from './script.ts'

/**
 * The corpus: each file is played with polls of 1, of 3 and of 8192 rows, with checkpoints at random moments and the engine
 * reopened before a random step, cleanly or as after a crash; none of it may change an answer. In the end each materialized view is
 * compared with its recomputation. SEED=n repeats a run.
 */
const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
const ROWS_MAX = [1, 3, 8192]
const files = globSync(join(import.meta.dirname, '*.slt')).sort()

describe.each(files.map(file => [basename(file, '.slt'), file]))('%s', (_, file) => {
  test.each(ROWS_MAX)('%i rows a poll', async rowsMax => {
    const random = seededRandom(SEED + rowsMax)
    const { play, steps } = parseSlt(readFileSync(file, 'utf8'))
    const player = await Player.open(rowsMax)
    let reopenAt = play.includes('without restarts') ? Infinity : 1 + Math.floor(random() * steps.length)
    const crash = !play.includes('without crashes') && random() < 0.5
    try {
      for (const [i, step] of steps.entries()) {
        if (random() < 0.3) await player.sql.checkpoint()
        if (i >= reopenAt && !player.holdsSession) {
          reopenAt = Infinity
          await player.restart(!crash)
        }
        await located(() => player.play(step), file, step)
      }
      await expectRecomputed(player.sql)
    } catch (error) {
      if (error instanceof Error) error.message = `SEED=${SEED}: ${error.message}`
      throw error
    } finally {
      await player.sql.close()
    }
  })
})

test('there is a corpus', () => expect(files.length).toBeGreaterThan(25))

/** Where a step fails, says which. */
async function located(run: () => Promise<void>, file: string, { line, body }: Step): Promise<void> {
  try {
    await run()
  } catch (error) {
    if (error instanceof Error) error.message = `${basename(file)}:${line}: ${error.message}\n${body.join('\n')}`
    throw error
  }
}
