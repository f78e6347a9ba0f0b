import { EngineError } from '../../base/errors.ts'
import type { DataType } from '../../batch/types.ts'

/**
 * Avro schemas (specification 1.12). Names are resolved; a record that holds itself is a cycle of objects, so whoever walks a schema
 * walks it along data, or remembers where it was.
 */
export type AvroType =
  | (AvroPrimitive & Logical)
  | ({ readonly kind: 'fixed'; readonly name: string; readonly size: number } & Logical)
  | { readonly kind: 'enum'; readonly name: string; readonly symbols: readonly string[] }
  | { readonly kind: 'array'; readonly items: AvroType }
  | { readonly kind: 'map'; readonly values: AvroType }
  | { readonly kind: 'union'; readonly branches: readonly AvroType[] }
  | AvroRecord

interface AvroPrimitive {
  readonly kind: 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'bytes' | 'string'
}

interface Logical {
  /** One that the specification defines for this type; others are ignored, as it demands. */
  readonly logical?: LogicalName
  /** Of a decimal. */
  readonly precision?: number
  readonly scale?: number
}

export interface AvroRecord {
  readonly kind: 'record'
  readonly name: string
  readonly fields: readonly AvroField[]
}

export interface AvroField {
  readonly name: string
  readonly type: AvroType
}

type LogicalName = 'decimal' | 'uuid' | 'duration' | 'date' | TimeLogical
type TimeLogical = `time-${'millis' | 'micros'}` | `${'' | 'local-'}timestamp-${'millis' | 'micros' | 'nanos'}`

const PRIMITIVES: readonly string[] = ['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string']
const LOGICALS: Readonly<Record<string, readonly string[]>> = {
  int: ['date', 'time-millis'],
  long: [
    'time-micros',
    ...['millis', 'micros', 'nanos'].flatMap(unit => [`timestamp-${unit}`, `local-timestamp-${unit}`]),
  ],
  bytes: ['decimal'],
  string: ['uuid'],
  fixed: ['decimal', 'uuid', 'duration'],
}
const DEPTH_MAX = 64

/**
 * Reads a schema's JSON. `known`: schemas of names that it may refer to and does not define (a registry's references), in the order
 * in which they build on each other. Throws EngineError 22023 that says what is wrong with it.
 */
export function parseAvroSchema(text: string, known: readonly string[] = []): AvroType {
  const parser = new SchemaParser()
  for (const each of known) parser.parse(json(each), '', 0)
  return parser.parse(json(text), '', 0)
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    // A bare name of a primitive type is what some tools write.
    if (PRIMITIVES.includes(text.trim())) return text.trim()
    throw invalid(`it is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function invalid(why: string): EngineError {
  return new EngineError('22023', `invalid Avro schema: ${why}`)
}

class SchemaParser {
  readonly #names = new Map<string, AvroType>()

  parse(node: unknown, namespace: string, depth: number): AvroType {
    if (depth > DEPTH_MAX) throw invalid(`types are nested more than ${DEPTH_MAX} deep`)
    if (typeof node === 'string') return this.#named(node, namespace)
    if (Array.isArray(node)) return this.#union(node, namespace, depth)
    if (!isObject(node)) throw invalid(`a type must be a name, an object or a list, not ${JSON.stringify(node)}`)
    const { type } = node
    switch (type) {
      case 'record':
      case 'error':
        return this.#record(node, namespace, depth)
      case 'enum': {
        const { name } = this.#fullName(node, namespace)
        return this.#define(name, { kind: 'enum', name, symbols: strings(node.symbols, `the symbols of ${name}`) })
      }
      case 'fixed': {
        const { name } = this.#fullName(node, namespace)
        const { size } = node
        if (typeof size !== 'number' || !Number.isInteger(size) || size < 0) throw invalid(`${name} has no valid size`)
        return this.#define(name, { kind: 'fixed', name, size, ...logicalOf(node, 'fixed', size) })
      }
      case 'array':
        return { kind: 'array', items: this.parse(node.items, namespace, depth + 1) }
      case 'map':
        return { kind: 'map', values: this.parse(node.values, namespace, depth + 1) }
    }
    const inner = this.parse(type, namespace, depth + 1)
    return isPrimitive(inner) ? { kind: inner.kind, ...logicalOf(node, inner.kind) } : inner
  }

  #named(name: string, namespace: string): AvroType {
    const primitive = PRIMITIVES.find(p => p === name)
    if (primitive !== undefined) return { kind: primitive } as AvroPrimitive // one of the list
    const found = this.#names.get(name.includes('.') || namespace === '' ? name : `${namespace}.${name}`)
    const type = found ?? this.#names.get(name)
    if (type === undefined) throw invalid(`there is no type "${name}"`)
    return type
  }

  #union(nodes: readonly unknown[], namespace: string, depth: number): AvroType {
    const branches = nodes.map(node => this.parse(node, namespace, depth + 1))
    if (branches.some(b => b.kind === 'union')) throw invalid('a union holds a union')
    return { kind: 'union', branches }
  }

  #record(node: Readonly<Record<string, unknown>>, outer: string, depth: number): AvroType {
    const { name, namespace } = this.#fullName(node, outer)
    if (!Array.isArray(node.fields)) throw invalid(`record ${name} has no fields`)
    const fields: AvroField[] = []
    // Defined before its fields are read: they may hold the record itself.
    const record = this.#define(name, { kind: 'record', name, fields })
    for (const field of node.fields) {
      if (!isObject(field) || typeof field.name !== 'string') throw invalid(`a field of record ${name} has no name`)
      if (fields.some(f => f.name === field.name)) throw invalid(`record ${name} has two fields "${field.name}"`)
      fields.push({ name: field.name, type: this.parse(field.type, namespace, depth + 1) })
    }
    return record
  }

  #define<T extends AvroType>(name: string, type: T): T {
    if (this.#names.has(name)) throw invalid(`type "${name}" is defined twice`)
    this.#names.set(name, type)
    return type
  }

  #fullName(node: Readonly<Record<string, unknown>>, outer: string): { name: string; namespace: string } {
    const { name, namespace = outer } = node
    if (typeof name !== 'string' || typeof namespace !== 'string') throw invalid(`a ${String(node.type)} has no name`)
    if (name.includes('.')) return { name, namespace: name.slice(0, name.lastIndexOf('.')) }
    return { name: namespace === '' ? name : `${namespace}.${name}`, namespace }
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isPrimitive(type: AvroType): type is AvroPrimitive & Logical {
  return PRIMITIVES.includes(type.kind)
}

function strings(value: unknown, what: string): string[] {
  if (Array.isArray(value) && value.every(v => typeof v === 'string')) return value
  throw invalid(`${what} must be a list of names`)
}

function logicalOf(node: Readonly<Record<string, unknown>>, kind: string, size?: number): Logical {
  const { logicalType, precision, scale = 0 } = node
  if (typeof logicalType !== 'string' || !LOGICALS[kind]?.includes(logicalType)) return {}
  if (logicalType === 'decimal') {
    const whole = typeof precision === 'number' && typeof scale === 'number'
    return whole && scale >= 0 && scale <= precision ? { logical: 'decimal', precision, scale } : {}
  }
  if (kind === 'fixed' && size !== (logicalType === 'uuid' ? 16 : 12)) return {}
  return { logical: logicalType as LogicalName } // one of LOGICALS
}

/** The one branch that is not null, and where it stands, when a type is such a union; else the type itself. */
export function withoutNull(type: AvroType): AvroType {
  if (type.kind !== 'union') return type
  const others = type.branches.filter(b => b.kind !== 'null')
  return others.length === 1 ? others[0] : type
}

/** The SQL type a value of an Avro type is taken as where no DDL says otherwise. A union of several types and what holds itself are jsonb. */
export function dataTypeOfAvro(type: AvroType, within: readonly AvroType[] = []): DataType {
  if (within.includes(type)) return { kind: 'jsonb' }
  const inside = [...within, type]
  const of = (inner: AvroType): DataType => dataTypeOfAvro(inner, inside)
  switch (type.kind) {
    case 'null':
      return { kind: 'text' }
    case 'boolean':
      return { kind: 'boolean' }
    case 'float':
      return { kind: 'real' }
    case 'double':
      return { kind: 'double' }
    case 'enum':
      return { kind: 'text' }
    case 'int':
    case 'long':
    case 'bytes':
    case 'string':
    case 'fixed':
      return scalarType(type)
    case 'array':
      return holdsJson(of(type.items)) ? { kind: 'jsonb' } : { kind: 'array', element: of(type.items) }
    case 'map':
      return holdsJson(of(type.values))
        ? { kind: 'jsonb' }
        : { kind: 'map', key: { kind: 'text' }, value: of(type.values) }
    case 'record': {
      const fields = type.fields.map(f => ({ name: f.name, type: of(f.type) }))
      return fields.some(f => holdsJson(f.type)) ? { kind: 'jsonb' } : { kind: 'row', fields }
    }
    case 'union': {
      const one = withoutNull(type)
      return one.kind === 'union' ? { kind: 'jsonb' } : of(one)
    }
  }
}

function scalarType(type: Exclude<AvroType, { kind: 'enum' | 'array' | 'map' | 'union' | 'record' }>): DataType {
  const { logical } = type
  if (logical === 'decimal') return { kind: 'numeric', precision: type.precision, scale: type.scale }
  if (logical === 'uuid' || logical === 'date') return { kind: logical }
  if (logical === 'duration') return { kind: 'interval' }
  if (logical?.startsWith('time-')) return { kind: 'time' }
  if (logical?.startsWith('timestamp')) return { kind: 'timestamptz' }
  if (logical?.startsWith('local-')) return { kind: 'timestamp' }
  switch (type.kind) {
    case 'int':
      return { kind: 'integer' }
    case 'long':
      return { kind: 'bigint' }
    case 'string':
      return { kind: 'text' }
    default:
      return { kind: 'bytea' }
  }
}

function holdsJson(type: DataType): boolean {
  return type.kind === 'jsonb'
}

/** Microseconds in one of a time's units; 0.001 for nanoseconds. Undefined: no time. */
export function microsPerUnit(logical: string | undefined): number | undefined {
  if (logical?.endsWith('-millis')) return 1000
  if (logical?.endsWith('-micros')) return 1
  return logical?.endsWith('-nanos') ? 0.001 : undefined
}
