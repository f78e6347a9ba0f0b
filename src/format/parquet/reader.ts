/** Row groups of Parquet files of any writer as batches, only the columns asked for. */
import { type Batch, createBatch } from '../../batch/batch.ts'
import { ColumnBuilder } from '../../batch/builder.ts'
import { type Column, datumAt, takeColumn } from '../../batch/column.ts'
import { concatColumns } from '../../batch/concat.ts'
import type { DataType, Datum, Field } from '../../batch/types.ts'
import { sameType } from '../../batch/types.ts'
import { decompress } from './codec.ts'
import { convertColumn, sqlValues } from './convert.ts'
import type { Chunk, FileColumn, ParquetFile, RowGroup } from './footer.ts'
import { readHybrid } from './levels.ts'
import { readLevels, readValues } from './page.ts'
import type { Leaf, Node } from './schema.ts'
import { damaged, readStruct } from './thrift.ts'

/** Bytes [start, end) of the file. */
export type ReadRange = (start: number, end: number) => Promise<Uint8Array>

/** One row group as rows of `fields`; a column that the file does not have is NULL. The batch owns its memory or shares the bytes read. */
export async function readRowGroup(
  file: ParquetFile,
  group: RowGroup,
  fields: readonly Field[],
  read: ReadRange,
): Promise<Batch> {
  try {
    return await readColumns(file, group, fields, read)
  } catch (error) {
    if (error instanceof RangeError) throw damaged('a size in it cannot be')
    throw error
  }
}

async function readColumns(
  file: ParquetFile,
  group: RowGroup,
  fields: readonly Field[],
  read: ReadRange,
): Promise<Batch> {
  const columns = await Promise.all(
    fields.map(async ({ name, type }) => {
      const column = findColumn(file, name)
      if (!column) return nulls(type, group.rows)
      const leaves = await Promise.all(
        column.leaves.map(async (index, i) => await readChunk(leavesOf(column.node)[i], group.chunks[index], read)),
      )
      const values = assembled(column, leaves, group.rows)
      return sameType(column.type, type) ? values : convertColumn(values, group.rows, column, type)
    }),
  )
  return createBatch({ fields }, group.rows, columns)
}

/** By its exact name, else by one in another case. */
export function findColumn(file: ParquetFile, name: string): FileColumn | undefined {
  const exact = file.columns.find(c => c.name === name)
  return exact ?? file.columns.find(c => c.name.toLowerCase() === name.toLowerCase())
}

function leavesOf(node: Node): Leaf[] {
  return node.kind === 'leaf' ? [node.leaf] : node.children.flatMap(leavesOf)
}

function nulls(type: DataType, count: number): Column {
  const builder = new ColumnBuilder(type, count)
  for (let i = 0; i < count; i++) builder.appendNull()
  return builder.finish()
}

/** Values of one leaf without the missing ones, and the levels that say where they are. */
interface LeafColumn {
  readonly leaf: Leaf
  /** As SQL has them; one a piece, as pages may be encoded differently. */
  readonly pieces: readonly { readonly column: Column; readonly count: number }[]
  readonly definitions: Int32Array
  readonly repetitions: Int32Array
}

async function readChunk(leaf: Leaf, chunk: Chunk, read: ReadRange): Promise<LeafColumn> {
  const bytes = await read(chunk.start, chunk.start + chunk.bytes)
  const definitions = new Int32Array(chunk.count).fill(leaf.definitionMax)
  const repetitions = new Int32Array(leaf.repetitionMax > 0 ? chunk.count : 0)
  const pieces: { column: Column; count: number }[] = []
  let dictionary: Column | undefined
  let seen = 0
  for (let at = 0; seen < chunk.count; ) {
    if (at >= bytes.length) throw damaged('a column is cut off')
    const { struct: header, end } = readStruct(bytes, at)
    const size = header.number(2) ?? 0
    const compressed = header.number(3) ?? 0
    const body = bytes.subarray(end, end + compressed)
    if (body.length !== compressed) throw damaged('a page is cut off')
    at = end + compressed
    const dictionaryHeader = header.struct(7)
    if (dictionaryHeader) {
      dictionary = readValues(leaf, 0, decompress(body, chunk.codec, size), 0, dictionaryHeader.number(1) ?? 0)
      continue
    }
    const levels = { definitions, repetitions, seen }
    const page = header.struct(5) ?? header.struct(8)
    if (!page) continue // an index
    const count = page.number(1) ?? 0
    if (seen + count > chunk.count) throw damaged('a page has too many values')
    const data = header.struct(5)
      ? firstVersion(leaf, decompress(body, chunk.codec, size), count, levels)
      : secondVersion(leaf, body, size, chunk.codec, header, levels)
    let present = 0
    for (let i = seen; i < seen + count; i++) if (definitions[i] === leaf.definitionMax) present++
    const encoding = page.number(header.struct(5) ? 2 : 4) ?? 0
    const column = valuesOf(leaf, encoding, data.bytes, data.start, present, dictionary)
    pieces.push({ column: sqlValues(leaf, column, present), count: present })
    seen += count
  }
  return { leaf, pieces, definitions, repetitions }
}

interface Levels {
  readonly definitions: Int32Array
  readonly repetitions: Int32Array
  readonly seen: number
}

function firstVersion(leaf: Leaf, bytes: Uint8Array, count: number, { definitions, repetitions, seen }: Levels) {
  const afterRepetitions = readLevels(bytes, 0, leaf.repetitionMax, true, repetitions, seen, count)
  return { bytes, start: readLevels(bytes, afterRepetitions, leaf.definitionMax, true, definitions, seen, count) }
}

/** Levels lie before the compressed values, with their lengths in the header. */
function secondVersion(
  leaf: Leaf,
  body: Uint8Array,
  size: number,
  codec: number,
  header: ReturnType<typeof readStruct>['struct'],
  { definitions, repetitions, seen }: Levels,
) {
  const page = header.struct(8)
  const count = page?.number(1) ?? 0
  const definitionBytes = page?.number(5) ?? 0
  const repetitionBytes = page?.number(6) ?? 0
  const levelBytes = definitionBytes + repetitionBytes
  if (levelBytes > body.length) throw damaged('a page is cut off')
  readLevels(body.subarray(0, repetitionBytes), 0, leaf.repetitionMax, false, repetitions, seen, count)
  readLevels(body.subarray(repetitionBytes, levelBytes), 0, leaf.definitionMax, false, definitions, seen, count)
  const values = body.subarray(levelBytes)
  const compressed = page?.boolean(7) ?? true
  return { bytes: compressed ? decompress(values, codec, size - levelBytes) : values, start: 0 }
}

function valuesOf(
  leaf: Leaf,
  encoding: number,
  bytes: Uint8Array,
  start: number,
  count: number,
  dictionary: Column | undefined,
): Column {
  if (encoding !== 2 && encoding !== 8) return readValues(leaf, encoding, bytes, start, count)
  if (!dictionary) throw damaged('a dictionary is missing')
  const ids = new Int32Array(count)
  if (count > 0) {
    const width = bytes[start]
    if (!(width <= 32)) throw damaged('a dictionary index has no width')
    readIds(bytes, start + 1, width, ids, count, lengthOf(dictionary))
  }
  return takeColumn(dictionary, ids, count)
}

function readIds(bytes: Uint8Array, start: number, width: number, ids: Int32Array, count: number, most: number): void {
  readHybrid(bytes, start, bytes.length, width, ids, 0, count)
  for (let i = 0; i < count; i++) if (!(ids[i] >= 0 && ids[i] < most)) throw damaged('a dictionary has no such entry')
}

function lengthOf(column: Column): number {
  if (column.storage === 'int64') return column.words.length / 2
  return column.storage === 'utf8' ? column.starts.length : column.values.length
}

function assembled(column: FileColumn, leaves: readonly LeafColumn[], rows: number): Column {
  const { node } = column
  if (node.kind === 'leaf') return flat(leaves[0], rows)
  const cursors = leaves.map(leaf => ({ leaf, level: 0, values: datums(leaf) }))
  const builder = new ColumnBuilder(column.type, rows)
  for (let row = 0; row < rows; row++) builder.append(readNode(node, cursors))
  return builder.finish()
}

/** A row of a flat column has one level. */
function flat({ leaf, pieces, definitions }: LeafColumn, rows: number): Column {
  if (definitions.length !== rows) throw damaged('a column has not as many values as rows')
  const valueCount = pieces.reduce((sum, p) => sum + p.count, 0)
  const dense =
    pieces.length === 1
      ? pieces[0].column
      : concatColumns(
          pieces.map(p => p.column),
          pieces.map(p => p.count),
        )
  if (valueCount === rows) return dense
  const from = new Int32Array(rows)
  const valid = new Uint8Array(rows)
  let next = 0
  for (let i = 0; i < rows; i++) {
    const present = definitions[i] === leaf.definitionMax
    valid[i] = present ? 1 : 0
    if (present) from[i] = next++
  }
  if (valueCount === 0) return nulls(leaf.type, rows)
  const spread = takeColumn(dense, from, rows)
  if (spread.storage !== 'boxed') return { ...spread, valid }
  return { ...spread, values: spread.values.map((value, i) => (valid[i] === 1 ? value : null)) }
}

interface Cursor {
  readonly leaf: LeafColumn
  level: number
  readonly values: Iterator<Datum>
}

function* datums({ leaf, pieces }: LeafColumn): Generator<Datum> {
  const bytea = leaf.type.kind === 'bytea'
  for (const { column, count } of pieces) for (let i = 0; i < count; i++) yield datumAt(column, i, bytea)
}

/** The next value of a node; its leaves are the cursors, in order. */
function readNode(node: Node, cursors: readonly Cursor[]): Datum {
  const [first] = cursors
  const definition = first.leaf.definitions[first.level]
  if (definition === undefined) throw damaged('a column has not as many values as rows')
  if (node.kind === 'leaf') {
    first.level++
    if (definition !== node.leaf.definitionMax) return null
    const next = first.values.next()
    return next.done ? null : next.value
  }
  if (definition < node.definition) return skip(cursors, null)
  const parts = split(node, cursors)
  if (node.kind === 'row') return node.children.map((child, i) => readNode(child, parts[i]))
  if (definition === node.definition) return skip(cursors, [])
  const entries: Datum[] = []
  do {
    const entry = node.children.map((child, i) => readNode(child, parts[i]))
    entries.push(node.kind === 'list' ? entry[0] : entry)
  } while (first.leaf.repetitions[first.level] >= node.repetition)
  return entries
}

function skip(cursors: readonly Cursor[], value: Datum): Datum {
  for (const cursor of cursors) cursor.level++
  return value
}

const partsOf = new WeakMap<readonly Cursor[], readonly (readonly Cursor[])[]>()

/** The cursors of each child. */
function split(node: Exclude<Node, { kind: 'leaf' }>, cursors: readonly Cursor[]): readonly (readonly Cursor[])[] {
  const known = partsOf.get(cursors)
  if (known) return known
  let at = 0
  const parts = node.children.map(child => {
    const count = leavesOf(child).length
    at += count
    return cursors.slice(at - count, at)
  })
  partsOf.set(cursors, parts)
  return parts
}
