import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import type { ConnectionHost, Wire } from '../../src/server/pgwire/connection.ts'
import type { FakeEngine } from './fake-engine.ts'

/** What a connection without sockets needs: `sent` gets the bytes it writes. */
export function wired(sessions: FakeEngine, processId: number) {
  const sent: Uint8Array[] = []
  let closed = false
  const wire: Wire = {
    write: chunk => void sent.push(chunk),
    bufferedBytes: 0,
    get closed() {
      return closed
    },
    drained: async () => {},
    end: () => {
      closed = true
    },
    pause: () => {},
    resume: () => {},
  }
  const host: ConnectionHost = {
    sessions,
    log: silentLogger,
    clock: systemClock,
    messageBytesMax: 10_000,
    outputBytesMax: 1000,
    admit: () => processId,
    cancel: () => {},
  }
  return { host, wire, sent, isClosed: () => closed }
}
