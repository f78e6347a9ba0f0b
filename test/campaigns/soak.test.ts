import { expect, test } from 'vitest'
import { runSoak } from './soak-campaign.ts'

// A minute of work, so only where asked for (.ci/run); at any length by `npm run soak`.
test.skipIf(process.env.TIDEMARK_CAMPAIGNS !== '1' || process.platform !== 'linux')(
  'a server under every kind of load does not grow',
  { timeout: 300_000 },
  async () => {
    const { samples, faults } = await runSoak({ seconds: 40, say: line => console.info(line) })
    expect(samples.length).toBeGreaterThan(10)
    expect(faults).toEqual([])
  },
)
