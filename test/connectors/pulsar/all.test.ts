/** Everything about Pulsar over one broker: to start one takes longer than most of these. */
import { afterAll, beforeAll } from 'vitest'
import { startBroker, stopBroker } from './broker.ts'

beforeAll(startBroker, 120_000)
afterAll(stopBroker)

await import('./names.ts')
await import('./source.ts')
await import('./sink.ts')
await import('./failing.ts')
await import('./sql.ts')
// Its tests take the broker away.
await import('./restart.ts')
