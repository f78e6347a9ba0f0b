import { assert } from '../base/assert.ts'
import { gcd } from '../base/gcd.ts'
import type { Batch } from '../batch/batch.ts'
import type { Schema } from '../batch/types.ts'
import type { Emit, Operator, StateSnapshot, Watermark } from './operator.ts'

/** A node of one graph. */
export type NodeId = number & { readonly brand: 'NodeId' }

interface Edge {
  readonly to: Node
  readonly input: number
}

interface Node {
  readonly id: NodeId
  readonly name: string
  /** Undefined: an input, where batches come in from outside. */
  readonly operator: Operator | undefined
  readonly schema: Schema
  readonly emit: Emit
  /** Replaced, never edited: a node may be attached while nothing runs. */
  outputs: readonly Edge[]
  /** By input; +Infinity once that input has ended. */
  readonly inputWatermarks: Float64Array
  readonly sources: readonly Node[]
  inputsOpen: number
  /** What those behind it know. */
  watermark: Watermark
  /** Of the windows behind it; undefined: not known since nodes came or went. */
  gridMicros: number | undefined
  started: boolean
}

/**
 * Operators and the way batches take through them. `push`, `advance` and `end` run to completion, depth first, before they return:
 * that is a tick, and between ticks no batch is under way anywhere. So a checkpoint taken there is a consistent cut by itself, and the
 * tick boundary is the barrier: none needs to flow through the operators. Watermarks of several inputs merge by minimum and are
 * forwarded after the operator has seen them, behind what it emitted for them. Nodes may be added and removed between ticks.
 */
export class Graph {
  readonly #nodes = new Map<NodeId, Node>()
  #nextId = 0
  #running = false

  /** A way in: what is pushed there goes to the operators behind it. */
  addInput(schema: Schema, name?: string): NodeId {
    return this.#add(undefined, schema, [], name)
  }

  /**
   * `inputs` in the order of the operator's input numbers. `name` stands for the operator in snapshots, so a restart must choose it the
   * same way; by default the node's number.
   */
  add(operator: Operator, inputs: readonly NodeId[], name?: string): NodeId {
    return this.#add(operator, operator.schema, inputs, name)
  }

  /**
   * The same over one node that may be running, with the watermark held back until `release`: so it can first be given, by `deliver`,
   * what its input put out before it was there. Rows of windows long closed are then not late.
   */
  addHeld(operator: Operator, input: NodeId, name?: string): NodeId {
    return this.#add(operator, operator.schema, [input], name, true)
  }

  /** One tick: the node has caught up, and from now on follows its input's watermark. */
  release(id: NodeId): void {
    const node = this.#node(id)
    const [source] = node.sources
    node.inputWatermarks[0] = source.watermark
    this.#tick(() => advanceNode(node, source.watermark))
  }

  /** Detaches a node nothing reads from. */
  remove(id: NodeId): void {
    assert(!this.#running, 'remove within a tick')
    const node = this.#node(id)
    assert(node.outputs.length === 0, `node ${node.name} still has readers`)
    for (const other of this.#nodes.values()) other.outputs = other.outputs.filter(edge => edge.to !== node)
    this.#nodes.delete(id)
    this.#forgetGrids()
  }

  /** Calls `onStart` of every operator that was neither started nor restored yet. Call again after adding nodes. */
  start(): void {
    this.#tick(() => {
      for (const node of this.#nodes.values()) {
        if (node.started) continue
        node.started = true
        node.operator?.onStart?.(node.emit)
      }
    })
  }

  /** One tick: a batch out of node `from` (an input, or any node) to everything behind it. */
  push(from: NodeId, batch: Batch): void {
    const node = this.#node(from)
    this.#tick(() => node.emit(batch))
  }

  /** One tick: a batch into one input of a node alone, as when a new reader of a view is first given its contents. */
  deliver(to: NodeId, input: number, batch: Batch): void {
    const node = this.#node(to)
    this.#tick(() => node.operator?.onBatch(batch, input, node.emit))
  }

  /** One tick: nothing at or before `watermark` is awaited from this input. Going back is ignored. */
  advance(input: NodeId, watermark: Watermark): void {
    const node = this.#node(input)
    this.#tick(() => advanceNode(node, watermark))
  }

  /** One tick: this input has ended. Operators all of whose inputs have ended emit what is left. */
  end(input: NodeId): void {
    const node = this.#node(input)
    this.#tick(() => endNode(node))
  }

  /** True when rows from this node would change nothing any more: everything behind it has enough. */
  isFull(id: NodeId): boolean {
    return isFull(this.#node(id))
  }

  watermark(id: NodeId): Watermark {
    return this.#node(id).watermark
  }

  /** All windows behind the node begin and end at multiples of this time since 1970; Infinity when there is none. */
  gridMicros(id: NodeId): number {
    const node = this.#node(id)
    node.gridMicros ??= gridBehind(node)
    return node.gridMicros
  }

  schema(id: NodeId): Schema {
    return this.#node(id).schema
  }

  stateBytes(): number {
    let sum = 0
    for (const node of this.#nodes.values()) sum += node.operator?.stateBytes?.() ?? 0
    return sum
  }

  /** The state of every operator that has any, by name of its node. */
  snapshot(): Record<string, StateSnapshot> {
    assert(!this.#running, 'snapshot within a tick')
    const snapshots: Record<string, StateSnapshot> = {}
    for (const node of this.#nodes.values()) {
      const snapshot = node.operator?.snapshot?.()
      if (snapshot) snapshots[node.name] = snapshot
    }
    return snapshots
  }

  /** Before the first tick. Every stateful operator must be in it, and nothing else. */
  restore(snapshots: Readonly<Record<string, StateSnapshot>>): void {
    const names = new Set(Object.keys(snapshots))
    for (const node of this.#nodes.values()) {
      node.started = true
      const snapshot = snapshots[node.name]
      names.delete(node.name)
      if (!node.operator?.restore) continue
      assert(snapshot !== undefined, `snapshot has no state of ${node.name}`)
      node.operator.restore(snapshot)
    }
    assert(names.size === 0, `snapshot has state of unknown nodes: ${[...names].join(', ')}`)
  }

  #add(
    operator: Operator | undefined,
    schema: Schema,
    inputs: readonly NodeId[],
    name: string | undefined,
    held = false,
  ): NodeId {
    assert(!this.#running, 'add within a tick')
    const id = this.#nextId++ as NodeId // the one place where ids are made
    const sources = inputs.map(input => this.#node(input))
    const node: Node = {
      id,
      name: name ?? String(id),
      operator,
      schema,
      emit: batch => {
        for (const { to, input } of node.outputs) to.operator?.onBatch(batch, input, to.emit)
      },
      outputs: [],
      inputWatermarks: Float64Array.from(sources, source => (held ? Number.NEGATIVE_INFINITY : source.watermark)),
      sources,
      inputsOpen: Math.max(1, sources.length),
      watermark: Number.NEGATIVE_INFINITY,
      gridMicros: undefined,
      started: false,
    }
    for (const other of this.#nodes.values()) assert(other.name !== node.name, `two nodes named ${node.name}`)
    sources.forEach((source, input) => {
      source.outputs = [...source.outputs, { to: node, input }]
    })
    this.#nodes.set(id, node)
    this.#forgetGrids()
    if (sources.length > 0) this.#tick(() => advanceNode(node, Math.min(...node.inputWatermarks)))
    return id
  }

  #forgetGrids(): void {
    for (const node of this.#nodes.values()) node.gridMicros = undefined
  }

  #node(id: NodeId): Node {
    const node = this.#nodes.get(id)
    assert(node !== undefined, `no node ${id}`)
    return node
  }

  #tick(run: () => void): void {
    assert(!this.#running, 'a tick within a tick')
    this.#running = true
    try {
      run()
    } finally {
      this.#running = false
    }
  }
}

function advanceNode(node: Node, watermark: Watermark): void {
  const behind = watermark - (node.operator?.watermarkDelayMicros ?? 0)
  if (behind <= node.watermark) return
  node.operator?.onWatermark?.(watermark, node.emit)
  node.watermark = behind
  for (const { to, input } of node.outputs) {
    to.inputWatermarks[input] = behind
    advanceNode(to, Math.min(...to.inputWatermarks))
  }
}

function endNode(node: Node): void {
  node.inputsOpen--
  if (node.inputsOpen > 0) return
  node.operator?.onEnd?.(node.emit)
  for (const { to, input } of node.outputs) {
    // An ended input holds no watermark back; the end itself is told by onEnd, not by an infinite watermark.
    to.inputWatermarks[input] = Number.POSITIVE_INFINITY
    const merged = Math.min(...to.inputWatermarks)
    if (merged !== Number.POSITIVE_INFINITY) advanceNode(to, merged)
    endNode(to)
  }
}

function isFull(node: Node): boolean {
  return node.operator?.full === true || (node.outputs.length > 0 && node.outputs.every(({ to }) => isFull(to)))
}

function gridBehind(node: Node): number {
  return node.outputs.reduce(
    (grid, { to }) => commonGrid(commonGrid(grid, to.operator?.gridMicros ?? Number.POSITIVE_INFINITY), gridBehind(to)),
    Number.POSITIVE_INFINITY,
  )
}

/** The coarsest grid that both fit; Infinity fits all. */
function commonGrid(a: number, b: number): number {
  if (a === Number.POSITIVE_INFINITY) return b
  return b === Number.POSITIVE_INFINITY ? a : gcd(a, b)
}
