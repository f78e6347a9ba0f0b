/** `npm run soak -- --seconds 600`: the server under every kind of load. Ends with 1 when it grew or something failed. */
import { parseArgs } from 'node:util'
import { runSoak } from './soak-campaign.ts'

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '120' } } })
const say = (line: string): void => void process.stdout.write(`${line}\n`)
const { faults } = await runSoak({ seconds: Number(values.seconds), say })
for (const fault of faults) say(`WRONG ${fault}`)
say(faults.length === 0 ? 'it does not grow' : `${faults.length} faults`)
process.exit(faults.length === 0 ? 0 : 1)
