import { assert } from './assert.ts'

/** State as structured data: typed arrays, strings, numbers, plain objects and arrays of them. What `structuredClone` and `v8.serialize` take. */
export type Snapshot = Readonly<Record<string, unknown>>

type Arrays = {
  int32: Int32Array
  float64: Float64Array
  bytes: Uint8Array
}

/**
 * Reads fields of a snapshot with a check of each: restoring state is one of the named doors where data of unknown type
 * becomes typed. A wrong field means that the snapshot is of another operator, which is a bug of ours.
 */
export const snapshotField = {
  number(snapshot: Snapshot, name: string): number {
    const value = snapshot[name]
    assert(typeof value === 'number', `snapshot has no number "${name}"`)
    return value
  },
  int32(snapshot: Snapshot, name: string): Arrays['int32'] {
    const value = snapshot[name]
    assert(value instanceof Int32Array, `snapshot has no Int32Array "${name}"`)
    return value
  },
  float64(snapshot: Snapshot, name: string): Arrays['float64'] {
    const value = snapshot[name]
    assert(value instanceof Float64Array, `snapshot has no Float64Array "${name}"`)
    return value
  },
  bytes(snapshot: Snapshot, name: string): Arrays['bytes'] {
    const value = snapshot[name]
    assert(value instanceof Uint8Array, `snapshot has no Uint8Array "${name}"`)
    // v8.deserialize gives a Buffer for a Uint8Array in some cases; the plain view keeps call sites monomorphic.
    return value.constructor === Uint8Array ? value : new Uint8Array(value.buffer, value.byteOffset, value.length)
  },
  array(snapshot: Snapshot, name: string): readonly unknown[] {
    const value = snapshot[name]
    assert(Array.isArray(value), `snapshot has no array "${name}"`)
    return value
  },
  nested(snapshot: Snapshot, name: string): Snapshot {
    return asSnapshot(snapshot[name], name)
  },
  nestedArray(snapshot: Snapshot, name: string): Snapshot[] {
    return snapshotField.array(snapshot, name).map(value => asSnapshot(value, name))
  },
}

function asSnapshot(value: unknown, name: string): Snapshot {
  assert(typeof value === 'object' && value !== null && !Array.isArray(value), `snapshot has no object "${name}"`)
  return value as Snapshot // an object by the assert; its fields are checked where they are read
}
