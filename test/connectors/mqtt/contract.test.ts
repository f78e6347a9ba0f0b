import { afterAll, beforeAll, describe } from 'vitest'
import { mqtt } from '../../../connectors/mqtt/mqtt.ts'
import { type Fixture, liveSourceContract, type Place, sourceContract } from '../../support/connector-contract.ts'
import { Mosquitto, mosquittoMissing } from '../../support/mosquitto.ts'

const missing = mosquittoMissing()
let broker: Mosquitto
beforeAll(async () => {
  if (!missing) broker = await Mosquitto.start()
})
afterAll(async () => broker?.stop())

let count = 0
async function place(qos: string): Promise<Place> {
  const topic = `contract/${count++}`
  const options = { url: broker.url, topic: `${topic}/#`, qos }
  const feed = (values: readonly string[]) => broker.publish(`${topic}/x`, values, { qos: Number(qos) })
  return { options, dataDir: '', feed }
}

describe.skipIf(missing)('the contract', () => {
  for (const qos of ['1', '2']) {
    const fixture: Fixture = { connector: mqtt, replays: false, place: () => place(qos) }
    sourceContract(`MQTT at QoS ${qos}`, fixture)
    liveSourceContract(`MQTT at QoS ${qos}`, fixture)
  }
})
