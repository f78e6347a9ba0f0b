import { booleanWord } from '../../src/base/option-parsers.ts'
import type { Option, OptionValues } from '../../src/connector.ts'
import { listInterval, rollingOptions } from '../../src/lake/options.ts'

export const fileOptions: readonly Option[] = [
  {
    name: 'path',
    doc: "A file, or a pattern such as 'data/*.csv' for several; names that end in .gz are decompressed. To write: a file, or a folder for many ('out/').",
    parse: text => text,
    required: true,
  },
  {
    name: 'follow',
    doc: 'Stay at the end and read what is appended, also after the file was truncated or replaced; of a folder, new files.',
    parse: booleanWord('follow'),
    default: 'false',
  },
  listInterval,
  ...rollingOptions,
]

export interface FileOptions {
  readonly path: string
  readonly follow: boolean
  readonly listMs: number
}

/** The door from parsed values to types: each was made by the parser declared above. */
export function toFileOptions(values: OptionValues): FileOptions {
  return { path: values.path as string, follow: values.follow as boolean, listMs: values.list_interval as number }
}
