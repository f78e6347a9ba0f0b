/** Everything about S3 over one server, and the same about folders: to start one takes longer than most of these. */
import { afterAll, beforeAll } from 'vitest'
import { startServer, stopServer } from './server.ts'

beforeAll(startServer)
afterAll(stopServer)

await import('./store.ts')
await import('./sink.ts')
await import('./source.ts')
await import('./sql.ts')
await import('./failing.ts')
await import('./checkpoints.ts')
