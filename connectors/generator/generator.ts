import type { Connector } from '../../src/connector.ts'
import { ByteWriter } from '../../src/format/byte-writer.ts'
import { Fleet } from './fleet.ts'
import { generatorOptions, toGeneratorOptions } from './options.ts'
import { GeneratorSource } from './source.ts'

/** A simulated fleet of sensors, to see queries live without any broker. Format is JSON; see Fleet for its columns. */
export const generator: Connector = {
  name: 'generator',
  doc: 'A simulated fleet of room sensors that sends JSON readings.',
  options: generatorOptions,
  source: context => new GeneratorSource(context),
  async sample({ options, clock }, max) {
    const { fleet: spec, startMs } = toGeneratorOptions(options)
    const clean = { malformed: 0, wrongClock: 0, late: 0, outOfOrder: 0, duplicated: 0, silent: 0 }
    const fleet = new Fleet({ ...spec, ...clean, startMs: startMs ?? clock.nowMs() })
    const readings: Uint8Array[] = []
    for (let n = 0; n < max; n++) {
      const out = new ByteWriter()
      fleet.write(0, n, out)
      readings.push(out.bytes.slice(0, out.at))
    }
    return readings
  },
}
