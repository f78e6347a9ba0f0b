import { PulsarBroker, pulsarMissing } from '../../support/pulsar.ts'

/** Why the tests of this folder do not run; undefined when they do. */
export const missing = pulsarMissing()

let started: PulsarBroker | undefined

/** The one broker of all tests of this folder, which `all.test.ts` starts and stops. */
export function broker(): PulsarBroker {
  if (!started) throw new Error('the broker was not started')
  return started
}

export async function startBroker(): Promise<void> {
  if (!missing) started = await PulsarBroker.start()
}

export async function stopBroker(): Promise<void> {
  await started?.stop()
}
