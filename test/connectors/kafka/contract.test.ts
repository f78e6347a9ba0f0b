import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe } from 'vitest'
import { kafka } from '../../../connectors/kafka/kafka.ts'
import {
  type Fixture,
  liveSourceContract,
  type Place,
  sinkContract,
  sourceContract,
} from '../../support/connector-contract.ts'
import { KafkaBroker, kafkaMissing } from '../../support/kafka.ts'
import { createSink, pairs, readAll } from './play.ts'

const missing = kafkaMissing()
let broker: KafkaBroker
let next = 0

beforeAll(async () => {
  if (!missing) broker = await KafkaBroker.start()
})
afterAll(() => broker?.stop())

const placeOf = (partitions: number): Fixture => ({
  connector: kafka,
  place: async (): Promise<Place> => {
    const options = { brokers: broker.address, topic: `place-${next++}`, partitions: String(partitions) }
    const feeder = createSink({ ...options, delivery: 'at_least_once' }, { job: 'feeder' })
    await feeder.open(undefined)
    return {
      options,
      dataDir: '/nonexistent',
      feed: async values => {
        for (let i = 0; i < values.length; i += 8) {
          await feeder.write(
            pairs(values.slice(i, i + 8).map((value, at) => [partitions > 1 ? `${i + at}` : null, value])),
          )
          await feeder.prepare(1)
        }
      },
      visible: async () => {
        // EndTxn is answered some milliseconds before its markers are in the partitions.
        await sleep(100)
        return (await readAll({ brokers: options.brokers, topic: options.topic })).map(row => row.value ?? 'null')
      },
    }
  },
})

describe.skipIf(missing)('the contract', () => {
  sourceContract('kafka, three partitions', placeOf(3))
  liveSourceContract('kafka', placeOf(2))
  sinkContract('kafka', placeOf(1))
})
