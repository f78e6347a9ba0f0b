import { Deserializer, Serializer } from 'node:v8'
import { assert } from '../base/assert.ts'

/**
 * Structured data as bytes: what `v8.serialize` takes, but with large arrays of numbers left where they are. `parts` is one run
 * of bytes in pieces; pieces after the first are the caller's own arrays, so it must be written before they change.
 */
export function serialize(value: unknown): { readonly parts: Uint8Array[]; readonly graphLength: number } {
  const serializer = new PartSerializer()
  serializer.writeHeader()
  serializer.writeValue(value)
  const graph = serializer.releaseBuffer()
  return { parts: [graph, ...serializer.parts], graphLength: graph.length }
}

/** Takes back what `serialize` made. Arrays own their memory. Throws on bytes that it did not make. */
export function deserialize(bytes: Uint8Array, graphLength: number): unknown {
  const deserializer = new PartDeserializer(bytes.subarray(0, graphLength), bytes.subarray(graphLength))
  deserializer.readHeader()
  return deserializer.readValue()
}

/** Below this, a copy into the graph is cheaper than a piece of its own. */
const PART_BYTES = 1024

type View = NodeJS.ArrayBufferView
type ViewConstructor = new (buffer: ArrayBuffer) => View

/** By the number they are stored under: only ever add at the end. A Buffer comes back as a Uint8Array. */
const VIEWS: readonly ViewConstructor[] = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
]

class PartSerializer extends Serializer {
  readonly parts: Uint8Array[] = []
  /** V8's own, missing from the types. */
  declare _setTreatArrayBufferViewsAsHostObjects: (treat: boolean) => void
  #offset = 0

  constructor() {
    super()
    // Makes V8 hand arrays to _writeHostObject instead of copying them.
    this._setTreatArrayBufferViewsAsHostObjects(true)
  }

  _writeHostObject(view: View): void {
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
    const kind = VIEWS.findIndex(known => view instanceof known)
    assert(kind >= 0, 'a known kind of array')
    this.writeUint32(kind)
    this.writeUint32(bytes.length)
    if (bytes.length < PART_BYTES) {
      this.writeUint32(0)
      this.writeRawBytes(bytes)
      return
    }
    this.writeUint32(1)
    this.writeDouble(this.#offset)
    this.#offset += bytes.length
    this.parts.push(bytes)
  }
}

class PartDeserializer extends Deserializer {
  readonly #parts: Uint8Array

  constructor(graph: Uint8Array, parts: Uint8Array) {
    super(graph)
    this.#parts = parts
  }

  _readHostObject(): View {
    const view = VIEWS[this.readUint32()]
    assert(view !== undefined, 'a known kind of array')
    const length = this.readUint32()
    const apart = this.readUint32() === 1
    const offset = apart ? this.readDouble() : 0
    const bytes = apart ? this.#parts.subarray(offset, offset + length) : this.readRawBytes(length)
    assert(bytes.length === length, 'an array is cut off')
    return new view(new Uint8Array(bytes).buffer)
  }
}
