import { EngineError } from '../../src/base/errors.ts'
import { share, timeMs, wholeNumber } from '../../src/base/option-parsers.ts'
import type { Option, OptionValues } from '../../src/connector.ts'
import type { FleetSpec } from './fleet.ts'

export const generatorOptions: readonly Option[] = [
  { name: 'devices', doc: 'Devices in the fleet.', parse: wholeNumber('devices', 1, 10_000_000), default: '1000' },
  {
    name: 'partitions',
    doc: 'Partitions the devices are spread over.',
    parse: wholeNumber('partitions', 1, 1024),
    default: '1',
  },
  {
    name: 'rate',
    doc: 'Readings a second of the whole fleet.',
    parse: wholeNumber('rate', 1, 100_000_000),
    default: '1000',
  },
  {
    name: 'rows',
    doc: 'Ends after so many readings, made as fast as they are read; without it the fleet sends by the clock, for ever.',
    parse: wholeNumber('rows', 0),
  },
  {
    name: 'start_time',
    doc: 'Time of the first reading. By default now; in a plain SELECT a minute ago; with rows, so that the last reading is now.',
    parse: timeMs('start_time'),
  },
  {
    name: 'seed',
    doc: 'The same seed gives the same readings.',
    parse: wholeNumber('seed', 0, 4294967295),
    default: '1',
  },
  rateOption('out_of_order', 'Share of readings with a time up to 3 seconds behind.'),
  rateOption('late', 'Share of readings with a time 1 to 15 minutes behind.'),
  rateOption('duplicated', 'Share of readings that repeat the one before.'),
  rateOption('malformed', 'Share of records that are no readings.'),
  rateOption('wrong_clock', 'Share of readings from clocks that say 1970 or up to ten years ahead.'),
  rateOption('silent', 'Share of devices that say nothing, five minutes at a time.'),
]

function rateOption(name: string, doc: string): Option {
  return { name, doc, parse: share(name), default: '0' }
}

export interface GeneratorOptions {
  readonly fleet: Omit<FleetSpec, 'startMs'>
  readonly startMs: number | undefined
  readonly rows: number | undefined
}

/** The door from parsed values to types: each was made by the parser declared above. */
export function toGeneratorOptions(values: OptionValues): GeneratorOptions {
  const number = (name: string): number => values[name] as number
  const fleet = {
    seed: number('seed'),
    devices: number('devices'),
    partitions: number('partitions'),
    rate: number('rate'),
    outOfOrder: number('out_of_order'),
    late: number('late'),
    duplicated: number('duplicated'),
    malformed: number('malformed'),
    wrongClock: number('wrong_clock'),
    silent: number('silent'),
  }
  if (fleet.partitions > fleet.devices)
    throw new EngineError('22023', 'a fleet has at least one device in each partition')
  if (fleet.outOfOrder + fleet.late + fleet.duplicated + fleet.malformed + fleet.wrongClock > 1) {
    const names = 'out_of_order, late, duplicated, malformed and wrong_clock'
    throw new EngineError('22023', `${names} add up to more than all readings`)
  }
  return { fleet, startMs: values.start_time as number | undefined, rows: values.rows as number | undefined }
}
