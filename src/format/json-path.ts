import { parsePath } from '../base/json-path.ts'
import { encodeUtf8 } from '../batch/column.ts'
import type { Slot } from './slot.ts'

/** The places of a JSON document that columns are taken from, as a tree. */
export interface PathNode {
  /** Columns that are the value at this place. */
  readonly slots: Slot[]
  readonly keys: KeyChild[]
  readonly elements: ElementChild[]
  /** Every column at or below this place. */
  readonly below: Slot[]
}

export interface KeyChild {
  readonly key: Uint8Array
  readonly node: PathNode
}

export interface ElementChild {
  readonly index: number
  readonly node: PathNode
}

/** A column by its own name: its key may differ in case, since SQL folds names that are not quoted. An exact key wins. */
export interface LooseChild {
  /** In lower case. */
  readonly key: Uint8Array
  readonly slot: Slot
}

/** The tree for columns with paths; a column without one is the top-level key of its name. */
export function pathTree(columns: readonly { readonly slot: Slot; readonly path: string | undefined }[]): {
  readonly root: PathNode
  readonly loose: readonly LooseChild[]
} {
  const root = newNode()
  const loose: LooseChild[] = []
  for (const { slot, path } of columns) {
    const steps = path === undefined ? [slot.name] : parsePath(path)
    let node = root
    node.below.push(slot)
    for (const step of steps) {
      node = typeof step === 'string' ? keyChild(node, step) : elementChild(node, step)
      node.below.push(slot)
    }
    node.slots.push(slot)
    if (path === undefined) loose.push({ key: encodeUtf8(slot.name.toLowerCase()), slot })
  }
  return { root, loose }
}

function newNode(): PathNode {
  return { slots: [], keys: [], elements: [], below: [] }
}

function keyChild(node: PathNode, name: string): PathNode {
  const key = encodeUtf8(name)
  const known = node.keys.find(k => Buffer.compare(k.key, key) === 0)
  if (known) return known.node
  const child = { key, node: newNode() }
  node.keys.push(child)
  return child.node
}

function elementChild(node: PathNode, index: number): PathNode {
  const known = node.elements.find(e => e.index === index)
  if (known) return known.node
  const child = { index, node: newNode() }
  node.elements.push(child)
  return child.node
}

/** Index of a key among the node's, trying the one after the last found first; −1 when it is not wanted. */
export function findKey(node: PathNode, bytes: Uint8Array, start: number, end: number, likely: number): number {
  const { keys } = node
  const count = keys.length
  for (let i = 0; i < count; i++) {
    let index = likely + i
    if (index >= count) index -= count
    if (equals(keys[index].key, bytes, start, end)) return index
  }
  return -1
}

function equals(key: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (key.length !== end - start) return false
  for (let i = 0; i < key.length; i++) if (key[i] !== bytes[start + i]) return false
  return true
}

/** The column whose name a key has but for case. */
export function findLoose(
  loose: readonly LooseChild[],
  bytes: Uint8Array,
  start: number,
  end: number,
): Slot | undefined {
  for (const { key, slot } of loose) if (equalsFolded(key, bytes, start, end)) return slot
  return undefined
}

/** Equal but for the case of ASCII letters; `key` is in lower case. */
function equalsFolded(key: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (key.length !== end - start) return false
  for (let i = 0; i < key.length; i++) {
    const byte = bytes[start + i]
    if (key[i] !== (byte >= 65 && byte <= 90 ? byte | 32 : byte)) return false
  }
  return true
}
