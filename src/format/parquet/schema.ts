/** Columns of rows as Parquet's tree of groups and leaves: https://github.com/apache/parquet-format/blob/master/LogicalTypes.md */
import { unreachable } from '../../base/assert.ts'
import type { DataType, Field } from '../../batch/types.ts'
import { bool, i32, list, struct, type ThriftFields, type ThriftValue, text } from './thrift.ts'

/** Physical types, by their number in the format. */
export const PHYSICAL = { BOOLEAN: 0, INT32: 1, INT64: 2, INT96: 3, FLOAT: 4, DOUBLE: 5, BYTES: 6, FIXED: 7 } as const

export const REQUIRED = 0
export const OPTIONAL = 1
export const REPEATED = 2

/** One column of values in the file. */
export interface Leaf {
  /** Of the type that this leaf holds: an array's element, a field of a row. */
  readonly type: DataType
  readonly path: readonly string[]
  readonly physical: number
  /** Bytes of a FIXED value. */
  readonly fixedBytes: number
  /** Levels at which a value is there, and the deepest that repeats. */
  readonly definitionMax: number
  readonly repetitionMax: number
  /** Of a file that is read: microseconds in one unit of a time. */
  readonly unit?: number
}

/** A node of the tree. `definition` and `repetition` are the levels at which it is there. */
export type Node =
  | { readonly kind: 'leaf'; readonly leaf: Leaf; readonly definition: number }
  | { readonly kind: 'row'; readonly definition: number; readonly children: readonly Node[] }
  | {
      readonly kind: 'list' | 'map'
      readonly definition: number
      /** Of the repeated group in it: present entries are defined at `definition + 1`. */
      readonly repetition: number
      /** The element; or key and value. */
      readonly children: readonly Node[]
    }

export interface WrittenSchema {
  readonly nodes: readonly Node[]
  /** In the order of the file, with the index of their top-level column. */
  readonly leaves: readonly { readonly leaf: Leaf; readonly column: number }[]
  /** SchemaElement list of the footer. */
  readonly elements: readonly ThriftValue[]
}

/** Numbers of unknown precision are written with this one: 20 digits before the point and 18 behind it. */
export const WIDE_PRECISION = 38
export const WIDE_SCALE = 18

export function writtenSchema(fields: readonly Field[]): WrittenSchema {
  const builder = new TreeBuilder()
  const root = struct([
    [4, text('schema')],
    [5, i32(fields.length)],
  ])
  const nodes = fields.map(({ name, type }, column) => builder.node(name, type, column, [], 0, 0, true))
  return { nodes, leaves: builder.leaves, elements: [root, ...builder.elements] }
}

/** Precision and scale that a numeric is stored with. */
export function decimalShape(type: Extract<DataType, { kind: 'numeric' }>): { precision: number; scale: number } {
  // Parquet's scale is neither negative nor above the precision, and readers stop at 38 digits.
  if (type.precision === undefined) return { precision: WIDE_PRECISION, scale: WIDE_SCALE }
  const scale = Math.max(0, type.scale ?? 0)
  const precision = Math.max(type.precision - Math.min(0, type.scale ?? 0), scale)
  return precision > 38 ? { precision: WIDE_PRECISION, scale: Math.min(scale, WIDE_SCALE) } : { precision, scale }
}

class TreeBuilder {
  readonly elements: ThriftValue[] = []
  readonly leaves: { leaf: Leaf; column: number }[] = []

  node(
    name: string,
    type: DataType,
    column: number,
    above: readonly string[],
    definitionAbove: number,
    repetition: number,
    optional: boolean,
  ): Node {
    const path = [...above, name]
    const definition = definitionAbove + (optional ? 1 : 0)
    const own: ThriftFields = [
      [3, i32(optional ? OPTIONAL : REQUIRED)],
      [4, text(name)],
    ]
    if (type.kind === 'row' && type.fields.length > 0) {
      this.elements.push(struct([...own, [5, i32(type.fields.length)]]))
      const children = type.fields.map(f => this.node(f.name, f.type, column, path, definition, repetition, true))
      return { kind: 'row', definition, children }
    }
    if (type.kind === 'array' || type.kind === 'map') {
      const isMap = type.kind === 'map'
      const inner = isMap ? 'key_value' : 'list'
      this.elements.push(
        struct([...own, [5, i32(1)], [6, i32(isMap ? 1 : 3)], [10, struct([[isMap ? 2 : 3, struct([])]])]]),
      )
      this.elements.push(
        struct([
          [3, i32(REPEATED)],
          [4, text(inner)],
          [5, i32(isMap ? 2 : 1)],
        ]),
      )
      const child = (childName: string, childType: DataType, childOptional: boolean): Node =>
        this.node(childName, childType, column, [...path, inner], definition + 1, repetition + 1, childOptional)
      const children = isMap
        ? [child('key', type.key, false), child('value', type.value, true)]
        : [child('element', type.element, true)]
      return { kind: isMap ? 'map' : 'list', definition, repetition: repetition + 1, children }
    }
    const { physical, fixedBytes, annotation } = leafType(type)
    this.elements.push(
      struct([
        [1, i32(physical)],
        [2, physical === PHYSICAL.FIXED ? i32(fixedBytes) : undefined],
        ...own,
        ...annotation,
      ]),
    )
    const leaf: Leaf = { type, path, physical, fixedBytes, definitionMax: definition, repetitionMax: repetition }
    this.leaves.push({ leaf, column })
    return { kind: 'leaf', leaf, definition }
  }
}

interface LeafType {
  readonly physical: number
  readonly fixedBytes: number
  /** Converted type, for old readers, and logical type. */
  readonly annotation: ThriftFields
}

function leafType(type: DataType): LeafType {
  const of = (physical: number, annotation: ThriftFields = [], fixedBytes = 0): LeafType => ({
    physical,
    fixedBytes,
    annotation,
  })
  const logical = (id: number, fields: ThriftFields = []): ThriftValue => struct([[id, struct(fields)]])
  const micros = struct([[2, struct([])]])
  const string = of(PHYSICAL.BYTES, [
    [6, i32(0)],
    [10, logical(1)],
  ])
  switch (type.kind) {
    case 'boolean':
      return of(PHYSICAL.BOOLEAN)
    case 'smallint':
      return of(PHYSICAL.INT32, [
        [6, i32(16)],
        [
          10,
          logical(10, [
            [1, { kind: 'i8', value: 16 }],
            [2, bool(true)],
          ]),
        ],
      ])
    case 'integer':
      return of(PHYSICAL.INT32)
    case 'bigint':
      return of(PHYSICAL.INT64)
    case 'real':
      return of(PHYSICAL.FLOAT)
    case 'double':
      return of(PHYSICAL.DOUBLE)
    case 'numeric': {
      const { precision, scale } = decimalShape(type)
      const annotation: ThriftFields = [
        [6, i32(5)],
        [7, i32(scale)],
        [8, i32(precision)],
        [
          10,
          logical(5, [
            [1, i32(scale)],
            [2, i32(precision)],
          ]),
        ],
      ]
      if (precision <= 9) return of(PHYSICAL.INT32, annotation)
      if (precision <= 18) return of(PHYSICAL.INT64, annotation)
      return of(PHYSICAL.FIXED, annotation, 16)
    }
    case 'text':
    case 'varchar':
    case 'unknown':
    // Parquet's own interval counts in unsigned milliseconds: text loses nothing.
    case 'interval':
    case 'row': // without fields
      return string
    case 'jsonb':
      return of(PHYSICAL.BYTES, [
        [6, i32(19)],
        [10, logical(12)],
      ])
    case 'bytea':
      return of(PHYSICAL.BYTES)
    case 'uuid':
      return of(PHYSICAL.FIXED, [[10, logical(14)]], 16)
    case 'date':
      return of(PHYSICAL.INT32, [
        [6, i32(6)],
        [10, logical(6)],
      ])
    case 'time':
      // Without a converted type: that one means UTC.
      return of(PHYSICAL.INT64, [
        [
          10,
          logical(7, [
            [1, bool(false)],
            [2, micros],
          ]),
        ],
      ])
    case 'timestamp':
      return of(PHYSICAL.INT64, [
        [
          10,
          logical(8, [
            [1, bool(false)],
            [2, micros],
          ]),
        ],
      ])
    case 'timestamptz':
      return of(PHYSICAL.INT64, [
        [6, i32(10)],
        [
          10,
          logical(8, [
            [1, bool(true)],
            [2, micros],
          ]),
        ],
      ])
    case 'array':
    case 'map':
      return string
    default:
      return unreachable(type)
  }
}

/** The path of a leaf for its chunk's metadata. */
export function pathOf(leaf: Leaf): ThriftValue {
  return list('binary', leaf.path.map(text))
}
