/** What a Parquet file says of itself: its columns as SQL types, and where its row groups lie. */
import { decodeUtf8 } from '../../batch/column.ts'
import {
  BIGINT,
  BOOLEAN,
  BYTEA,
  DATE,
  type DataType,
  DOUBLE,
  INTEGER,
  INTERVAL,
  JSONB,
  REAL,
  SMALLINT,
  TEXT,
  TIME,
  TIMESTAMP,
  TIMESTAMPTZ,
  UUID,
} from '../../batch/types.ts'
import { type Leaf, type Node, OPTIONAL, PHYSICAL, REPEATED } from './schema.ts'
import { damaged, readStruct, type ThriftStruct } from './thrift.ts'

/** Length of the end of every file: the footer's length and the magic. */
export const TAIL_BYTES = 8

export interface ParquetFile {
  readonly columns: readonly FileColumn[]
  readonly rowGroups: readonly RowGroup[]
}

export interface FileColumn {
  readonly name: string
  readonly type: DataType
  readonly node: Node
  /** Indexes of its leaves among all of the file. */
  readonly leaves: readonly number[]
}

export interface RowGroup {
  readonly rows: number
  /** One a leaf. */
  readonly chunks: readonly Chunk[]
}

export interface Chunk {
  readonly codec: number
  /** Levels, missing values among them. */
  readonly count: number
  readonly start: number
  readonly bytes: number
}

/** How many bytes before the tail the footer has; throws when the file is not Parquet. */
export function footerBytes(tail: Uint8Array): number {
  if (tail.length < TAIL_BYTES || decodeUtf8(tail, tail.length - 4, tail.length) !== 'PAR1') {
    throw damaged('it does not end as Parquet does')
  }
  return new DataView(tail.buffer, tail.byteOffset + tail.length - 8).getUint32(0, true)
}

export function readFooter(bytes: Uint8Array): ParquetFile {
  const { struct } = readStruct(bytes, 0)
  const elements = struct.structs(2)
  if (elements.length === 0) throw damaged()
  const tree = new TreeReader(elements)
  return {
    columns: tree.columns(),
    rowGroups: struct.structs(4).map(group => ({
      rows: group.number(3) ?? 0,
      chunks: group.structs(1).map(chunkOf),
    })),
  }
}

function chunkOf(column: ThriftStruct): Chunk {
  const metadata = column.struct(3)
  const count = metadata?.number(5)
  const bytes = metadata?.number(7)
  const data = metadata?.number(9)
  if (count === undefined || bytes === undefined || data === undefined) throw damaged('a column has no place')
  const dictionary = metadata?.number(11) ?? 0
  // Some writers say 0 where there is none.
  const start = dictionary > 0 ? Math.min(dictionary, data) : data
  return { codec: metadata?.number(4) ?? 0, count, start, bytes }
}

class TreeReader {
  readonly #elements: readonly ThriftStruct[]
  #at = 1
  #leaf = 0

  constructor(elements: readonly ThriftStruct[]) {
    this.#elements = elements
  }

  columns(): FileColumn[] {
    const count = this.#elements[0].number(5) ?? 0
    return Array.from({ length: count }, () => {
      const first = this.#leaf
      const name = this.#elements[this.#at]?.text(4) ?? ''
      const { node, type } = this.#read([], 0, 0)
      return { name, type, node, leaves: Array.from({ length: this.#leaf - first }, (_, i) => first + i) }
    })
  }

  /** The next element and what is below it. */
  #read(above: readonly string[], definitionAbove: number, repetitionAbove: number): { node: Node; type: DataType } {
    const element = this.#elements[this.#at]
    if (element === undefined || above.length > 100) throw damaged()
    const repetition = element.number(3)
    if (repetition !== REPEATED) return this.#plain(above, definitionAbove, repetitionAbove)
    // A repeated field without a list around it is a list of what it holds.
    const inner = this.#plain(above, definitionAbove + 1, repetitionAbove + 1)
    const node: Node = {
      kind: 'list',
      definition: definitionAbove,
      repetition: repetitionAbove + 1,
      children: [inner.node],
    }
    return { node, type: { kind: 'array', element: inner.type } }
  }

  #plain(above: readonly string[], definitionAbove: number, repetition: number): { node: Node; type: DataType } {
    const element = this.#elements[this.#at++]
    const path = [...above, element.text(4) ?? '']
    const definition = definitionAbove + (element.number(3) === OPTIONAL ? 1 : 0)
    const children = element.number(5) ?? 0
    if (children === 0) {
      this.#leaf++
      const type = typeOf(element)
      const leaf: Leaf = {
        type,
        path,
        physical: element.number(1) ?? -1,
        fixedBytes: element.number(2) ?? 0,
        definitionMax: definition,
        repetitionMax: repetition,
        unit: unitOf(element),
      }
      return { node: { kind: 'leaf', leaf, definition }, type }
    }
    const annotated = element.struct(10)?.only()
    const converted = element.number(6)
    if (children === 1 && (annotated === 3 || converted === 3)) return this.#list(path, definition, repetition)
    if (children === 1 && (annotated === 2 || converted === 1 || converted === 2)) {
      this.#at++
      const key = this.#read(path, definition + 1, repetition + 1)
      const value = this.#read(path, definition + 1, repetition + 1)
      const node: Node = { kind: 'map', definition, repetition: repetition + 1, children: [key.node, value.node] }
      return { node, type: { kind: 'map', key: key.type, value: value.type } }
    }
    const fields = Array.from({ length: children }, () => {
      const name = this.#elements[this.#at]?.text(4) ?? ''
      return { name, ...this.#read(path, definition, repetition) }
    })
    return {
      node: { kind: 'row', definition, children: fields.map(f => f.node) },
      type: { kind: 'row', fields: fields.map(({ name, type }) => ({ name, type })) },
    }
  }

  /** Of three levels, or of the two that old writers made: the format's rules for telling them. */
  #list(path: readonly string[], definition: number, repetition: number): { node: Node; type: DataType } {
    const repeated = this.#elements[this.#at]
    const name = repeated?.text(4) ?? ''
    const threeLevels = repeated?.number(5) === 1 && name !== 'array' && name !== `${path[path.length - 1]}_tuple`
    let element: { node: Node; type: DataType }
    if (threeLevels) {
      this.#at++
      element = this.#read(path, definition + 1, repetition + 1)
    } else element = this.#plain(path, definition + 1, repetition + 1)
    const node: Node = { kind: 'list', definition, repetition: repetition + 1, children: [element.node] }
    return { node, type: { kind: 'array', element: element.type } }
  }
}

/** Microseconds in one unit of a time; 1 where it is none. */
function unitOf(element: ThriftStruct): number {
  const logical = element.struct(10)
  const unit = (logical?.struct(7) ?? logical?.struct(8))?.struct(2)?.only()
  if (unit !== undefined) return unit === 1 ? 1000 : unit === 2 ? 1 : 0.001
  const converted = element.number(6)
  return converted === 7 || converted === 9 ? 1000 : 1
}

const BY_CONVERTED: Readonly<Record<number, DataType | undefined>> = {
  0: TEXT,
  4: TEXT,
  6: DATE,
  7: TIME,
  8: TIME,
  9: TIMESTAMPTZ,
  10: TIMESTAMPTZ,
  11: SMALLINT,
  12: INTEGER,
  13: BIGINT,
  14: { kind: 'numeric', precision: 20, scale: 0 },
  15: SMALLINT,
  16: SMALLINT,
  17: INTEGER,
  18: BIGINT,
  19: JSONB,
  21: INTERVAL,
}

function typeOf(element: ThriftStruct): DataType {
  const logical = element.struct(10)
  const converted = element.number(6)
  const decimal = logical?.struct(5)
  if (decimal) return { kind: 'numeric', precision: decimal.number(2), scale: decimal.number(1) ?? 0 }
  if (converted === 5) return { kind: 'numeric', precision: element.number(8), scale: element.number(7) ?? 0 }
  switch (logical?.only()) {
    case 1:
    case 4:
      return TEXT
    case 6:
      return DATE
    case 7:
      return TIME
    case 8:
      return logical.struct(8)?.boolean(1) ? TIMESTAMPTZ : TIMESTAMP
    case 10: {
      const width = logical.struct(10)?.number(1) ?? 32
      const signed = logical.struct(10)?.boolean(2) ?? true
      if (signed) return width <= 16 ? SMALLINT : width === 32 ? INTEGER : BIGINT
      return width === 8
        ? SMALLINT
        : width === 16
          ? INTEGER
          : width === 32
            ? BIGINT
            : { kind: 'numeric', precision: 20, scale: 0 }
    }
    case 12:
      return JSONB
    case 14:
      return UUID
  }
  const known = converted === undefined ? undefined : BY_CONVERTED[converted]
  if (known) return known
  switch (element.number(1)) {
    case PHYSICAL.BOOLEAN:
      return BOOLEAN
    case PHYSICAL.INT32:
      return INTEGER
    case PHYSICAL.INT64:
      return BIGINT
    case PHYSICAL.INT96:
      return TIMESTAMPTZ // the old way of Spark and Hive, in UTC
    case PHYSICAL.FLOAT:
      return REAL
    case PHYSICAL.DOUBLE:
      return DOUBLE
    default:
      return BYTEA
  }
}
