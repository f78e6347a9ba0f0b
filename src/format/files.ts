import { promisify } from 'node:util'
import { gzip, zstdCompress } from 'node:zlib'
import { assert } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import type { Batch } from '../batch/batch.ts'
import type { FileFormat, FileWriter, RecordDecoder, RecordEncoder } from '../connector.ts'
import { createDecoder, createEncoder, type DecodedColumn, type EncodeOptions, type FormatName } from './format.ts'
import { ParquetWriter } from './parquet/writer.ts'

const PARQUET = ['none', 'snappy', 'zstd'] as const
const RECORDS = ['none', 'gzip', 'zstd'] as const
const ENDINGS = { none: '', gzip: '.gz', zstd: '.zst' } as const
const gzipped = promisify(gzip)
const zstandard = promisify(zstdCompress)

/** Files of a format; Parquet is compressed with snappy unless said, records are not. */
export function fileFormat(format: FormatName, options: EncodeOptions, compression: string | undefined): FileFormat {
  if (format === 'parquet') {
    const chosen = oneOf(PARQUET, compression ?? 'snappy', format)
    return { extension: '.parquet', create: schema => new ParquetWriter(schema, { compression: chosen }) }
  }
  const chosen = oneOf(RECORDS, compression ?? 'none', format)
  return {
    extension: `.${format === 'text' ? 'txt' : format}${ENDINGS[chosen]}`,
    create: schema => new RecordFile(createEncoder(format, schema, options), chosen),
  }
}

/** A decoder that never gets a record: for formats of whole files, whose columns must come from them. */
export function withoutRecords(columns: readonly DecodedColumn[]): RecordDecoder {
  const strange = columns.find(c => c.metadata !== undefined || c.path !== undefined || c.timeFormat !== undefined)
  if (strange) {
    throw new EngineError('0A000', `column "${strange.name}" must be a column of the files, by its name and type`, {
      hint: 'INCLUDE, PATH and FORMAT are for records; use a generated column, or a view.',
    })
  }
  return createDecoder('json', columns)
}

function oneOf<T extends string>(known: readonly T[], given: string, format: FormatName): T {
  const found = known.find(each => each === given)
  if (found !== undefined) return found
  throw new EngineError('22023', `option compression = '${given}': files of format ${format} have ${known.join(', ')}`)
}

/** A file of records, one after another. */
class RecordFile implements FileWriter {
  readonly #encoder: RecordEncoder
  readonly #compression: (typeof RECORDS)[number]
  readonly #parts: Uint8Array[] = []
  rows = 0
  bytes = 0

  constructor(encoder: RecordEncoder, compression: (typeof RECORDS)[number]) {
    this.#encoder = encoder
    this.#compression = compression
    if (encoder.header) this.#push(encoder.header)
  }

  async write(batch: Batch): Promise<void> {
    assert(batch.weights === undefined, 'files only gain rows')
    const { count, bytes, offsets } = this.#encoder.encode(batch)
    const { terminator } = this.#encoder
    const lines = new Uint8Array(offsets[count] - offsets[0] + count * terminator.length)
    let at = 0
    for (let i = 0; i < count; i++) {
      const length = offsets[i + 1] - offsets[i]
      lines.set(bytes.subarray(offsets[i], offsets[i + 1]), at)
      lines.set(terminator, at + length)
      at += length + terminator.length
    }
    this.#push(lines)
    this.rows += batch.rowCount
  }

  async finish(): Promise<readonly Uint8Array[]> {
    if (this.#compression === 'none') return this.#parts
    const whole = Buffer.concat(this.#parts)
    return [await (this.#compression === 'gzip' ? gzipped(whole) : zstandard(whole))]
  }

  #push(bytes: Uint8Array): void {
    this.#parts.push(bytes)
    this.bytes += bytes.length
  }
}
