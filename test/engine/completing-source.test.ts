import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { TEXT } from '../../src/batch/types.ts'
import type { Source } from '../../src/connector.ts'
import { CompletingSource } from '../../src/engine/agreed-schemas.ts'
import { createDecoder } from '../../src/format/format.ts'

/** A source that waits for acknowledgements, as one of MQTT with a full window. */
const waiting: Source = {
  open: async () => {},
  poll: async () => ({ kind: 'idle' }),
  position: () => ({}),
  partitions: () => [],
  lag: () => 3,
  needsCheckpoint: () => true,
  close: async () => {},
}

test('a source whose records wait for their schema still asks for checkpoints, and tells its lag', () => {
  const decoder = createDecoder('json', [{ name: 'a', type: TEXT }])
  const source = new CompletingSource(waiting, decoder, { clock: systemClock, log: silentLogger })
  expect(source.needsCheckpoint()).toBe(true)
  expect(source.lag()).toBe(3)
})
