/**
 * Preloaded into a server (`--import`) that a test kills at a named point. The file named by KILL_AT says where: `before checkpoints/ 2`, say,
 * is before the second file of a checkpoint that a thread puts in its place from then on; `after catalog.json 1` is when the next catalog is
 * in its place and nobody has been told. No file: nowhere.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import files from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

const armed = process.env.KILL_AT
if (armed !== undefined) {
  const { rename } = files
  let text = ''
  let left = 0
  const die = (): Promise<never> => {
    // The next start is not to die of it.
    rmSync(armed, { force: true })
    process.kill(process.pid, 'SIGKILL')
    return new Promise(() => {})
  }
  files.rename = async (from, to) => {
    const now = existsSync(armed) ? readFileSync(armed, 'utf8') : ''
    const [when, where, count] = now.split(' ')
    if (now !== text) left = Number(count)
    text = now
    const here = now !== '' && String(to).includes(where) && --left === 0
    if (here && when === 'before') await die()
    await rename(from, to)
    if (here) await die()
  }
  // What was imported by name before is replaced too.
  syncBuiltinESMExports()
}
