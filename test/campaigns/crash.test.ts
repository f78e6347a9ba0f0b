import { expect, test } from 'vitest'
import { kafkaMissing } from '../support/kafka.ts'
import { runCrashCampaign } from './crash-campaign.ts'

// A minute of work, so only where asked for (.ci/run); at any length by `npm run crash`.
test.skipIf(process.env.TIDEMARK_CAMPAIGNS !== '1' || kafkaMissing() !== undefined)(
  'a server killed again and again loses nothing and gives nothing twice',
  { timeout: 300_000 },
  async () => {
    const result = await runCrashCampaign({ kills: 5, seed: 4, say: line => console.info(line) })
    expect(result.readings).toBeGreaterThan(1000)
    expect(result.differences).toEqual([])
  },
)
