/** `npm run crash -- --kills 50 --seed 7`: the campaign at any length. Ends with 1 when something was lost or came twice. */
import { parseArgs } from 'node:util'
import { runCrashCampaign } from './crash-campaign.ts'

const { values } = parseArgs({ options: { kills: { type: 'string', default: '50' }, seed: { type: 'string' } } })
const seed = Number(values.seed ?? Date.now() % 100_000)
const say = (line: string): void => void process.stdout.write(`${line}\n`)

say(`seed ${seed}`)
const result = await runCrashCampaign({ kills: Number(values.kills), seed, say })
const { kills, killsDuringStart, readings, windows, differences } = result
say(`${kills} kills (${killsDuringStart} during the start), ${readings} readings, ${windows} windows, seed ${seed}`)
for (const difference of differences) say(`WRONG ${difference}`)
say(differences.length === 0 ? 'nothing lost, nothing twice' : `${differences.length} answers are wrong`)
process.exit(differences.length === 0 ? 0 : 1)
