import { byteSize, durationMs, oneOf, wholeNumber } from '../base/option-parsers.ts'
import type { Option, OptionValues } from '../connector.ts'
import { type PartitionItem, parsePartitionBy } from './partitions.ts'

/** Between two looks for new files. */
export const listInterval: Option = {
  name: 'list_interval',
  doc: 'How often a source looks for new files.',
  parse: durationMs('list_interval'),
  default: '10 seconds',
}

/** What a sink of many files can be told, whatever the place. */
export const rollingOptions: readonly Option[] = [
  {
    name: 'roll_interval',
    doc: 'A file is finished so long after its first row; 0 s: at every checkpoint.',
    parse: durationMs('roll_interval'),
    default: '1 minute',
  },
  {
    name: 'roll_bytes',
    doc: 'A file is finished when it is about so large.',
    parse: byteSize('roll_bytes'),
    default: '128 MB',
  },
  {
    name: 'roll_rows',
    doc: 'A file is finished when it has at least so many rows.',
    parse: wholeNumber('roll_rows', 1),
  },
  {
    name: 'partition_by',
    doc: "Folders such as dt=2026-01-01/hour=05: columns and parts of times, as in 'day(ts), hour(ts), site'.",
    parse: parsePartitionBy,
  },
  {
    name: 'open_files',
    doc: 'At most so many files under way, one a folder; the one that waits longest for a row is finished for another.',
    parse: wholeNumber('open_files', 1, 10_000),
    default: '100',
  },
  {
    name: 'buffer_bytes',
    doc: 'What files under way may hold in memory together; the largest is finished where it is more.',
    parse: byteSize('buffer_bytes'),
    default: '256 MB',
  },
  {
    name: 'compression',
    doc: "Parquet: 'snappy' (the default), 'zstd' or 'none'. Records: 'none' (the default), 'gzip' or 'zstd'.",
    parse: oneOf('compression', ['none', 'snappy', 'zstd', 'gzip']),
  },
]

export interface RollingOptions {
  readonly rollMs: number
  readonly rollBytes: number
  readonly rollRows: number
  readonly partitionBy: readonly PartitionItem[]
  readonly openFiles: number
  readonly bufferBytes: number
  readonly compression: string | undefined
}

/** The door from parsed values to types: each was made by the parser declared above. */
export function toRollingOptions(values: OptionValues): RollingOptions {
  return {
    rollMs: values.roll_interval as number,
    rollBytes: values.roll_bytes as number,
    rollRows: (values.roll_rows as number | undefined) ?? Number.POSITIVE_INFINITY,
    partitionBy: (values.partition_by as RollingOptions['partitionBy'] | undefined) ?? [],
    openFiles: values.open_files as number,
    bufferBytes: values.buffer_bytes as number,
    compression: values.compression as string | undefined,
  }
}
