import type { Connector } from '../../src/connector.ts'
import { sampleValues } from '../../src/format/sample-decoder.ts'
import { RecordSplitter } from '../../src/format/split.ts'
import { openFolderPlace } from '../../src/lake/folder-place.ts'
import { folderListing } from '../../src/lake/listing.ts'
import { LakeSink, sinkId } from '../../src/lake/sink.ts'
import { describeFiles, LakeSource } from '../../src/lake/source.ts'
import { openBlocks } from './blocks.ts'
import { fileOptions, toFileOptions } from './options.ts'
import { FileSink } from './sink.ts'
import { FileSource, findFiles, framingOf } from './source.ts'

/** Files of this machine: a record a line, CSV, or Parquet. */
export const file: Connector = {
  name: 'file',
  doc: 'Files of JSON lines or CSV, plain or gzip; one file or a pattern, read to the end or followed; folders of many, also of Parquet.',
  options: fileOptions,
  source: context => {
    const options = toFileOptions(context.options)
    if (!context.filesOnly && !options.path.endsWith('/')) return new FileSource(context)
    return new LakeSource(context, folderListing(options.path), options)
  },
  fileColumns: ({ options }) => describeFiles(folderListing(toFileOptions(options).path)),
  files: true,
  sink: context => {
    const { path } = toFileOptions(context.options)
    if (!context.filesOnly && !path.endsWith('/')) return new FileSink(context)
    const id = sinkId(context)
    return new LakeSink(context, openFolderPlace(path, id), id)
  },
  async sample(context, max) {
    const options = toFileOptions(context.options)
    if (options.path.endsWith('/')) {
      const listing = folderListing(options.path)
      return await sampleValues(
        decoder => new LakeSource({ ...context, decoder, bounded: true }, listing, options),
        max,
      )
    }
    const [path] = findFiles(options.path)
    if (path === undefined) return []
    const { mode, delimiter } = framingOf(path, undefined)
    const splitter = new RecordSplitter(mode, { delimiter })
    const blocks = await openBlocks(path, 0)
    const records: Uint8Array[] = []
    const take = (): void => {
      splitter.cut()
      const { bytes, bounds, count } = splitter
      for (let i = 0; i < count && records.length < max; i++) {
        if (bounds[2 * i] < bounds[2 * i + 1]) records.push(bytes.slice(bounds[2 * i], bounds[2 * i + 1]))
      }
    }
    try {
      while (records.length < max) {
        const bytes = await blocks.next(splitter.rest)
        const ended = bytes.length === splitter.rest
        if (ended) splitter.finish(bytes)
        else splitter.push(bytes)
        take()
        if (ended) break
      }
      return records
    } finally {
      await blocks.close()
    }
  },
}
