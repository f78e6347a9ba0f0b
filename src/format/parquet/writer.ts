/** Parquet files: https://github.com/apache/parquet-format. Read back by DuckDB and PyArrow in the tests. */
import { assert } from '../../base/assert.ts'
import type { Batch } from '../../batch/batch.ts'
import { type Column, datumAt, takeColumn } from '../../batch/column.ts'
import type { Schema } from '../../batch/types.ts'
import type { FileWriter } from '../../connector.ts'
import { Bytes } from './bytes.ts'
import { type EncodedChunk, encodeChunk, type LeafValues, type Page } from './chunk.ts'
import { CODECS, type Compression, compress } from './codec.ts'
import { isWrittenAsIs } from './physical.ts'
import { pathOf, type WrittenSchema, writtenSchema } from './schema.ts'
import { shred } from './shred.ts'
import { binary, i32, i64, list, struct, type ThriftValue, text, writeStruct } from './thrift.ts'

const MAGIC = Buffer.from('PAR1')
/** As many as DuckDB's: enough for a reader to skip by, and each core gets one. */
const ROW_GROUP_ROWS = 122_880
/** Also closes a row group, so that wide rows do not fill the memory. */
const ROW_GROUP_BYTES = 64 << 20

export interface ParquetOptions {
  readonly compression: Compression
  readonly rowGroupRows?: number
}

/** Writes one file. Rows wait until a row group is full; it is encoded and compressed then. */
export class ParquetWriter implements FileWriter {
  readonly #schema: WrittenSchema
  readonly #options: ParquetOptions
  readonly #rowGroupRows: number
  readonly #parts: Uint8Array[] = [MAGIC]
  readonly #rowGroups: ThriftValue[] = []
  #written = MAGIC.length
  #rows = 0
  #waiting: Batch[] = []
  #waitingRows = 0
  #waitingBytes = 0

  constructor(schema: Schema, options: ParquetOptions) {
    this.#schema = writtenSchema(schema.fields)
    this.#options = options
    this.#rowGroupRows = options.rowGroupRows ?? ROW_GROUP_ROWS
  }

  get rows(): number {
    return this.#rows + this.#waitingRows
  }

  get bytes(): number {
    return this.#written + this.#waitingBytes
  }

  async write(batch: Batch): Promise<void> {
    assert(batch.weights === undefined, 'files only gain rows')
    this.#waiting.push(batch)
    this.#waitingRows += batch.rowCount
    this.#waitingBytes += bytesOf(batch)
    if (this.#waitingRows >= this.#rowGroupRows || this.#waitingBytes >= ROW_GROUP_BYTES) await this.#closeRowGroup()
  }

  async finish(): Promise<readonly Uint8Array[]> {
    if (this.#waitingRows > 0) await this.#closeRowGroup()
    const footer = new Bytes(4096)
    const orders = this.#schema.leaves.map(() => struct([[1, struct([])]]))
    writeStruct(footer, [
      [1, i32(2)],
      [2, list('struct', this.#schema.elements)],
      [3, i64(this.#rows)],
      [4, list('struct', this.#rowGroups)],
      [6, text('tidemark')],
      [7, list('struct', orders)],
    ])
    footer.u32(footer.at)
    footer.append(MAGIC)
    return [...this.#parts, footer.take()]
  }

  async #closeRowGroup(): Promise<void> {
    const batches = this.#waiting
    const rows = this.#waitingRows
    const chunks = this.#schema.nodes.flatMap((_, c) => this.#leavesOf(batches, c).map(encodeChunk))
    this.#waiting = []
    this.#waitingRows = this.#waitingBytes = 0
    const start = this.#written
    let uncompressed = 0
    const metadata: ThriftValue[] = []
    // Begun together: the pool's threads share them.
    const compressed = await Promise.all(
      chunks.map(chunk => Promise.all(chunk.pages.map(page => this.#compressed(page)))),
    )
    chunks.forEach((chunk, i) => {
      const written = this.#append(chunk, compressed[i])
      uncompressed += written.uncompressed
      metadata.push(written.metadata)
    })
    this.#rowGroups.push(
      struct([
        [1, list('struct', metadata)],
        [2, i64(uncompressed)],
        [3, i64(rows)],
        [5, i64(start)],
        [6, i64(this.#written - start)],
      ]),
    )
    this.#rows += rows
  }

  async #compressed(page: Page): Promise<Uint8Array> {
    return await compress(page.body, this.#options.compression)
  }

  #append(chunk: EncodedChunk, bodies: readonly Uint8Array[]): { metadata: ThriftValue; uncompressed: number } {
    const { leaf, pages, levelCount, nullCount, bounds } = chunk
    const start = this.#written
    let dataAt: number | undefined
    let uncompressed = 0
    pages.forEach((page, i) => {
      const header = new Bytes(64)
      writeStruct(header, headerOf(page, bodies[i].length))
      if (page.kind === 'data') dataAt ??= this.#written
      uncompressed += header.at + page.body.length
      this.#push(header.take())
      this.#push(bodies[i])
    })
    const encodings = [...new Set([0, 3, ...pages.map(p => p.encoding)])]
    const hasDictionary = pages.length > 0 && pages[0].kind === 'dictionary'
    const statistics = struct([
      [3, i64(nullCount)],
      [5, bounds && binary(bounds.max)],
      [6, bounds && binary(bounds.min)],
    ])
    const metadata = struct([
      [1, i32(leaf.physical)],
      [2, list('i32', encodings.map(i32))],
      [3, pathOf(leaf)],
      [4, i32(CODECS[this.#options.compression])],
      [5, i64(levelCount)],
      [6, i64(uncompressed)],
      [7, i64(this.#written - start)],
      [9, i64(dataAt ?? start)],
      [11, hasDictionary ? i64(start) : undefined],
      [12, statistics],
    ])
    return {
      uncompressed,
      metadata: struct([
        [2, i64(start)],
        [3, metadata],
      ]),
    }
  }

  #push(bytes: Uint8Array): void {
    this.#parts.push(bytes)
    this.#written += bytes.length
  }

  #leavesOf(batches: readonly Batch[], c: number): LeafValues[] {
    const node = this.#schema.nodes[c]
    if (node.kind !== 'leaf' || !isWrittenAsIs(node.leaf.type)) {
      return shred(node, datums(batches, c)).map(({ values, ...shredded }) => ({
        ...shredded,
        pieces: [{ column: values, count: shredded.valueCount }],
        repetitions: shredded.leaf.repetitionMax > 0 ? shredded.repetitions : undefined,
      }))
    }
    const levelCount = batches.reduce((sum, batch) => sum + batch.rowCount, 0)
    const pieces = batches.map(batch => present(batch.columns[c], batch.rowCount))
    const valueCount = pieces.reduce((sum, piece) => sum + piece.count, 0)
    const definitions = valueCount === levelCount ? undefined : definitionsOf(batches, c, levelCount)
    return [{ leaf: node.leaf, pieces, valueCount, levelCount, definitions, repetitions: undefined }]
  }
}

function headerOf({ kind, valueCount, encoding, body }: Page, compressed: number) {
  const common = [
    [1, i32(kind === 'dictionary' ? 2 : 0)],
    [2, i32(body.length)],
    [3, i32(compressed)],
  ] as const
  if (kind === 'dictionary') {
    return [
      ...common,
      [
        7,
        struct([
          [1, i32(valueCount)],
          [2, i32(encoding)],
        ]),
      ],
    ] as const
  }
  const data = struct([
    [1, i32(valueCount)],
    [2, i32(encoding)],
    [3, i32(3)],
    [4, i32(3)],
  ])
  return [...common, [5, data]] as const
}

function* datums(batches: readonly Batch[], c: number) {
  for (const { columns, rowCount } of batches) for (let row = 0; row < rowCount; row++) yield datumAt(columns[c], row)
}

/** The values that are there. */
function present(column: Column, rowCount: number): { column: Column; count: number } {
  const { valid } = column
  if (valid === undefined) return { column, count: rowCount }
  const rows = new Int32Array(rowCount)
  let count = 0
  for (let i = 0; i < rowCount; i++) if (valid[i] !== 0) rows[count++] = i
  return count === rowCount ? { column, count } : { column: takeColumn(column, rows, count), count }
}

function definitionsOf(batches: readonly Batch[], c: number, count: number): Int32Array {
  const definitions = new Int32Array(count).fill(1)
  let at = 0
  for (const { columns, rowCount } of batches) {
    const { valid } = columns[c]
    if (valid) for (let i = 0; i < rowCount; i++) definitions[at + i] = valid[i]
    at += rowCount
  }
  return definitions
}

/** About what a batch holds in memory. */
function bytesOf({ columns, rowCount }: Batch): number {
  let bytes = 0
  for (const column of columns) {
    if (column.storage === 'utf8') for (let i = 0; i < rowCount; i++) bytes += 8 + column.ends[i] - column.starts[i]
    else bytes += rowCount * (column.storage === 'boxed' ? 64 : 8)
  }
  return bytes
}
