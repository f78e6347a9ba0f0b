import type { Connector } from '../../src/connector.ts'
import { RecordSplitter } from '../../src/format/split.ts'
import { openFolderPlace } from '../../src/lake/folder-place.ts'
import { LakeSink, sinkId } from '../../src/lake/sink.ts'
import { openBlocks } from './blocks.ts'
import { fileOptions, toFileOptions } from './options.ts'
import { FileSink } from './sink.ts'
import { FileSource, findFiles, framingOf } from './source.ts'

/** Files of this machine: a record a line, CSV, or Parquet. */
export const file: Connector = {
  name: 'file',
  doc: 'Files of JSON lines or CSV, plain or gzip; one file or a pattern, read to the end or followed; folders of Parquet are written.',
  options: fileOptions,
  source: context => new FileSource(context),
  files: true,
  sink: context => {
    const { path } = toFileOptions(context.options)
    if (!context.filesOnly && !path.endsWith('/')) return new FileSink(context)
    const id = sinkId(context)
    return new LakeSink(context, openFolderPlace(path, id), id)
  },
  async sample({ options }, max) {
    const [path] = findFiles(toFileOptions(options).path)
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
