import type { Connector, OptionValues } from '../../src/connector.ts'
import { sampleValues } from '../../src/format/sample-decoder.ts'
import { type Listing, s3Listing } from '../../src/lake/listing.ts'
import { openS3Place } from '../../src/lake/s3-place.ts'
import { LakeSink, sinkId } from '../../src/lake/sink.ts'
import { describeFiles, LakeSource } from '../../src/lake/source.ts'
import { S3 } from '../../src/storage/s3.ts'
import { s3Options, toReading, toS3Place } from './options.ts'

/** Objects of any S3-compatible service. */
export const s3: Connector = {
  name: 's3',
  doc: 'Objects of S3 and its like: Parquet, or files of records.',
  options: s3Options,
  files: true,
  source: context => new LakeSource(context, listing(context.options), toReading(context.options)),
  fileColumns: ({ options }) => describeFiles(listing(options)),
  sample: (context, max) =>
    sampleValues(decoder => {
      const bounded = { ...context, decoder, bounded: true }
      return new LakeSource(bounded, listing(context.options), toReading(context.options))
    }, max),
  sink: context => {
    const { bucket, prefix, client } = toS3Place(context.options)
    const id = sinkId(context)
    return new LakeSink(context, openS3Place(new S3(bucket, client), prefix, id, context.log), id)
  },
}

function listing(options: OptionValues): Listing {
  const { bucket, prefix, client } = toS3Place(options)
  return s3Listing(new S3(bucket, client), prefix)
}
