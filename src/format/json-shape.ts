import type { LooseChild, PathNode } from './json-path.ts'
import { findKey, findLoose } from './json-path.ts'
import type { JsonScanner } from './json-scan.ts'
import type { Slot } from './slot.ts'

/** One piece of a document of a shape, in order. */
export type Piece =
  /** These bytes as they stand: brackets, keys, colons, commas, white space. */
  | { readonly kind: 'literal'; readonly bytes: Uint8Array }
  /** A value into a slot; `byte` is the first byte that was seen there. */
  | { readonly kind: 'slot'; readonly slot: Slot; readonly byte: number }
  /** A value into all slots at and below a place. */
  | { readonly kind: 'visit'; readonly node: PathNode }
  | { readonly kind: 'skip'; readonly byte: number }

/** How a document is laid out: producers write the same keys in the same order with the same spacing. */
export interface Shape {
  readonly pieces: readonly Piece[]
  /** What the document does not have. */
  readonly missing: readonly Slot[]
}

/** The shape of a document that was read without fault. Undefined when it is odd (equal keys twice, escapes in keys). */
export function shapeOf(scan: JsonScanner, root: PathNode, loose: readonly LooseChild[]): Shape | undefined {
  if (root.slots.length > 0 || root.elements.length > 0) return undefined
  const learner = new Learner(scan, loose)
  const open = scan.space(scan.start)
  const after = learner.object(root, open, true)
  if (after < 0) return undefined
  learner.literal(scan.end)
  const missing = root.below.filter(s => !learner.found.has(s))
  return { pieces: learner.pieces, missing }
}

class Learner {
  readonly pieces: Piece[] = []
  readonly found = new Set<Slot>()
  readonly #scan: JsonScanner
  readonly #loose: readonly LooseChild[]
  /** Where the literal under way began. */
  #from: number

  constructor(scan: JsonScanner, loose: readonly LooseChild[]) {
    this.#scan = scan
    this.#loose = loose
    this.#from = scan.start
  }

  /** Ends a literal before `end`. */
  literal(end: number): void {
    if (end > this.#from) this.pieces.push({ kind: 'literal', bytes: this.#scan.bytes.slice(this.#from, end) })
  }

  /** The object that opens at `at`; answers the index after it, −1 when it is odd. */
  object(node: PathNode, open: number, isRoot: boolean): number {
    const scan = this.#scan
    const { bytes } = scan
    const exact = isRoot ? this.#exactSlots(node, open) : undefined
    const met = new Set<PathNode>()
    let at = scan.space(open + 1)
    if (bytes[at] === 125) return at + 1
    for (;;) {
      at = scan.string(at)
      if (at < 0 || scan.textInArena) return -1
      const { textStart, textEnd } = scan
      at = scan.space(scan.colon(at))
      const index = findKey(node, bytes, textStart, textEnd, 0)
      const slot = index < 0 && isRoot ? findLoose(this.#loose, bytes, textStart, textEnd) : undefined
      if (index >= 0) {
        const child = node.keys[index].node
        if (met.has(child)) return -1
        met.add(child)
        at = this.#place(child, at)
      } else if (slot !== undefined && !exact?.has(slot)) {
        if (this.found.has(slot)) return -1
        at = this.#value({ kind: 'slot', slot, byte: bytes[at] }, at)
      } else at = this.#value({ kind: 'skip', byte: bytes[at] }, at)
      if (at < 0) return -1
      at = scan.space(at)
      if (bytes[at] === 125) return at + 1
      at = scan.space(at + 1)
    }
  }

  #place(node: PathNode, at: number): number {
    const { bytes } = this.#scan
    const [slot] = node.slots
    if (node.slots.length === 1 && node.below.length === 1)
      return this.#value({ kind: 'slot', slot, byte: bytes[at] }, at)
    if (node.slots.length === 0 && node.elements.length === 0 && bytes[at] === 123) return this.object(node, at, false)
    for (const below of node.below) this.found.add(below)
    return this.#value({ kind: 'visit', node }, at)
  }

  #value(piece: Piece, at: number): number {
    this.literal(at)
    if (piece.kind === 'slot') this.found.add(piece.slot)
    this.pieces.push(piece)
    this.#from = this.#scan.skip(at)
    return this.#from
  }

  /** Slots whose exact key the object has: a key in another case does not count then. */
  #exactSlots(node: PathNode, open: number): Set<Slot> {
    const scan = this.#scan
    const slots = new Set<Slot>()
    let at = scan.space(open + 1)
    while (scan.bytes[at] === 34) {
      at = scan.string(at)
      const index = scan.textInArena ? -1 : findKey(node, scan.bytes, scan.textStart, scan.textEnd, 0)
      if (index >= 0) for (const slot of node.keys[index].node.slots) slots.add(slot)
      at = scan.space(scan.skip(scan.space(scan.colon(at))))
      if (scan.bytes[at] === 44) at = scan.space(at + 1)
    }
    return slots
  }
}

/** Two shapes are the same when their keys are. */
export function shapeKey(shape: Shape): string {
  return shape.pieces.map(p => (p.kind === 'literal' ? Buffer.from(p.bytes).toString('latin1') : '\0')).join('')
}
