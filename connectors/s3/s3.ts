import type { Connector } from '../../src/connector.ts'
import { openS3Place } from '../../src/lake/s3-place.ts'
import { LakeSink, sinkId } from '../../src/lake/sink.ts'
import { S3 } from '../../src/storage/s3.ts'
import { s3Options, toS3Place } from './options.ts'

/** Objects of any S3-compatible service. */
export const s3: Connector = {
  name: 's3',
  doc: 'Objects of S3 and its like: Parquet, or files of records.',
  options: s3Options,
  files: true,
  sink: context => {
    const { bucket, prefix, client } = toS3Place(context.options)
    const id = sinkId(context)
    return new LakeSink(context, openS3Place(new S3(bucket, client), prefix, id, context.log), id)
  },
}
