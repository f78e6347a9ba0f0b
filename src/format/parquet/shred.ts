import { ColumnBuilder } from '../../batch/builder.ts'
import type { Column } from '../../batch/column.ts'
import type { Datum } from '../../batch/types.ts'
import { physicalType, physicalValue } from './physical.ts'
import type { Leaf, Node } from './schema.ts'

/** Values of one leaf without the missing ones, and where they are missing or repeat; Dremel's levels. */
export interface Shredded {
  readonly leaf: Leaf
  readonly values: Column
  readonly valueCount: number
  readonly definitions: Int32Array
  readonly repetitions: Int32Array
  readonly levelCount: number
}

class LeafLevels {
  readonly leaf: Leaf
  readonly values: ColumnBuilder
  readonly definitions: number[] = []
  readonly repetitions: number[] = []

  constructor(leaf: Leaf) {
    this.leaf = leaf
    this.values = new ColumnBuilder(physicalType(leaf))
  }
}

/** Takes nested values apart: one result a leaf below `node`, in the order of the file. */
export function shred(node: Node, rows: Iterable<Datum>): Shredded[] {
  const leaves: LeafLevels[] = []
  const write = writer(node, leaves)
  for (const row of rows) write(row, 0, 0)
  return leaves.map(({ leaf, values, definitions, repetitions }) => ({
    leaf,
    valueCount: values.count,
    values: values.finish(),
    definitions: Int32Array.from(definitions),
    repetitions: Int32Array.from(repetitions),
    levelCount: definitions.length,
  }))
}

/** Writes a value that is there down to `definition`; `repetition` says at which level it repeats. */
type Write = (value: Datum, definition: number, repetition: number) => void

function writer(node: Node, leaves: LeafLevels[]): Write {
  if (node.kind === 'leaf') {
    const own = new LeafLevels(node.leaf)
    leaves.push(own)
    return (given, definition, repetition) => {
      const value = physicalValue(node.leaf, given)
      own.repetitions.push(repetition)
      own.definitions.push(value === null ? definition : node.definition)
      if (value !== null) own.values.append(value)
    }
  }
  const first = leaves.length
  const children = node.children.map(child => writer(child, leaves))
  const below = leaves.slice(first)
  const missing = (definition: number, repetition: number): void => {
    for (const leaf of below) {
      leaf.definitions.push(definition)
      leaf.repetitions.push(repetition)
    }
  }
  return (value, definition, repetition) => {
    if (!Array.isArray(value)) return missing(definition, repetition)
    if (node.kind === 'row') {
      children.forEach((write, i) => {
        write(value[i] ?? null, node.definition, repetition)
      })
      return
    }
    if (value.length === 0) return missing(node.definition, repetition)
    value.forEach((entry: Datum, i: number) => {
      const at = i === 0 ? repetition : node.repetition
      if (node.kind === 'list') children[0](entry, node.definition + 1, at)
      else if (Array.isArray(entry)) {
        children[0](entry[0], node.definition + 1, at)
        children[1](entry[1], node.definition + 1, at)
      }
    })
  }
}
