import { decodeUtf8 } from '../../batch/column.ts'
import type { LooseChild, PathNode } from '../json-path.ts'
import type { Slot } from '../slot.ts'
import type { AvroCursor } from './cursor.ts'
import { type AvroRecord, type AvroType, microsPerUnit, withoutNull } from './schema.ts'
import type { AvroValues } from './values.ts'

/** Reads the record at bytes[start … end) into `row`; answers the index after it, or −1 with a reason in the cursor. */
export type AvroParser = (bytes: Uint8Array, view: DataView, start: number, end: number, row: number) => number

/**
 * Generates the reader of records written with one schema, for the columns wanted: usual values are read in line, what no column needs
 * is stepped over, everything else goes to the fallback. A column that the schema has no field for is NULL.
 */
export function compileAvro(
  type: AvroType,
  root: PathNode,
  loose: readonly LooseChild[],
  cursor: AvroCursor,
  fallback: AvroValues,
): AvroParser {
  const writer = new ReaderWriter(loose)
  const [slot] = root.below
  if (type.kind === 'record') writer.record(type, root, true)
  else if (root.below.length === 1) writer.value(type, slot)
  else writer.skip(type)
  const body = `
let lo = 0, hi = 0
${VARINT}
${PLAIN_TEXT}
return function parseAvro(b, view, start, end, row) {
  let p = start, d = 0, n = 0, u = 0, v = 0, t = 0, h = 0, s = 0
  ${writer.starts}
  ${writer.code.join('\n  ')}
  return p > end ? cursor.short() : p
}`
  const names = writer.slots.map((_, i) => `c${i}`)
  // Made of numbers and of names of ours; field names of the schema are in no code.
  const make = new Function('cursor', 'f', 'types', ...names, body)
  return make(cursor, fallback, writer.types, ...writer.slots) as AvroParser // the shape is in the text above
}

/** A varint of up to seven bytes: the low 28 bits of it in lo, those above in hi; hi −1: it is longer. */
const VARINT = `function varint(b, p) {
  let d = b[p++]
  lo = d & 127
  hi = 0
  if (d > 127) { d = b[p++]; lo |= (d & 127) << 7
  if (d > 127) { d = b[p++]; lo |= (d & 127) << 14
  if (d > 127) { d = b[p++]; lo |= (d & 127) << 21
  if (d > 127) { d = b[p++]; hi = d & 127
  if (d > 127) { d = b[p++]; hi |= (d & 127) << 7
  if (d > 127) { d = b[p++]; hi |= (d & 127) << 14
  if (d > 127) hi = -1 }}}}}}
  return p
}`

/** Whether bytes are ASCII without NUL, four at a time. */
const PLAIN_TEXT = `function isPlain(b, view, p, e) {
  for (; p + 4 <= e; p += 4) {
    const w = view.getInt32(p, true)
    if (((w | (w - 0x01010101)) & 0x80808080) !== 0) return false
  }
  for (; p < e; p++) if (b[p] === 0 || b[p] > 127) return false
  return true
}`

class ReaderWriter {
  readonly code: string[] = []
  readonly slots: Slot[] = []
  readonly types: AvroType[] = []
  readonly #loose: readonly LooseChild[]
  #places = 0

  constructor(loose: readonly LooseChild[]) {
    this.#loose = loose
  }

  /** Declares where values begin that several columns are read from. */
  get starts(): string {
    return Array.from({ length: this.#places }, (_, i) => `let s${i} = 0`).join('; ')
  }

  record(type: AvroRecord, node: PathNode, isRoot: boolean): void {
    const met = new Set<Slot>()
    const exact = new Set(type.fields.map(f => f.name))
    for (const field of type.fields) {
      const child = node.keys.find(k => decodeUtf8(k.key, 0, k.key.length) === field.name)?.node
      const loose = isRoot && child === undefined ? this.#looseSlot(field.name, exact, met) : undefined
      if (child !== undefined) {
        for (const slot of child.below) met.add(slot)
        this.#place(field.type, child)
      } else if (loose !== undefined) {
        met.add(loose)
        this.value(field.type, loose)
      } else this.skip(field.type)
    }
    this.#nulls(node.below.filter(slot => !met.has(slot) && !node.slots.includes(slot)))
  }

  /** A column without a path whose name is the field's but for case, when no field has exactly its name. */
  #looseSlot(name: string, exact: ReadonlySet<string>, met: ReadonlySet<Slot>): Slot | undefined {
    const lower = name.toLowerCase()
    const found = this.#loose.find(({ key, slot }) => decodeUtf8(key, 0, key.length) === lower && !met.has(slot))
    return found !== undefined && !exact.has(found.slot.name) ? found.slot : undefined
  }

  #place(type: AvroType, node: PathNode): void {
    const readers = node.slots.map(slot => () => this.value(type, slot))
    const below = node.below.filter(slot => !node.slots.includes(slot))
    if (below.length > 0) readers.push(() => this.#inside(type, node, below))
    if (readers.length === 1) {
      readers[0]()
      return
    }
    const start = `s${this.#places++}`
    this.code.push(`${start} = p`)
    for (const [i, read] of readers.entries()) {
      if (i > 0) this.code.push(`p = ${start}`)
      read()
    }
  }

  /** The columns below a place: fields of a record, perhaps a missing one. */
  #inside(type: AvroType, node: PathNode, below: readonly Slot[]): void {
    const inner = withoutNull(type)
    if (inner.kind !== 'record') {
      this.skip(type)
      this.#nulls(below)
    } else if (type.kind !== 'union') this.record(inner, { ...node, below: [...below] }, false)
    else if (!isNullable(type)) {
      this.skip(type)
      this.#nulls(below)
    } else {
      this.#nullable(
        type,
        () => this.#nulls(below),
        () => this.record(inner, { ...node, below: [...below] }, false),
      )
    }
  }

  #nulls(slots: readonly Slot[]): void {
    for (const slot of slots) this.code.push(`${this.#slot(slot)}.setNull(row)`)
  }

  /** A union of null and one other type. */
  #nullable(
    type: Extract<AvroType, { kind: 'union' }>,
    whenNull: () => void,
    whenThere: (inner: AvroType) => void,
  ): void {
    const nullAt = type.branches.findIndex(b => b.kind === 'null')
    this.code.push(`d = b[p++]`, `if (d === ${2 * nullAt}) {`)
    whenNull()
    this.code.push(`} else if (d === ${2 - 2 * nullAt}) {`)
    whenThere(type.branches[1 - nullAt])
    this.code.push(
      '} else return cursor.fail("union has no branch " + (d >> 1) + ": the record was written with another schema, or is damaged")',
    )
  }

  value(type: AvroType, slot: Slot): void {
    const name = this.#slot(slot)
    if (isNullable(type)) {
      this.#nullable(
        type,
        () => this.code.push(`${name}.setNull(row)`),
        inner => this.#present(inner, slot, name),
      )
    } else this.#present(type, slot, name)
  }

  #present(type: AvroType, slot: Slot, name: string): void {
    const general = (at: string): string =>
      `if ((p = ${this.#general('value', type, `${name}, row, ${at}`)}) < 0) return -1`
    const { kind } = slot.type
    const integer = type.kind === 'int' || type.kind === 'long'
    if (integer && (kind === 'integer' || kind === 'bigint' || kind === 'double')) {
      this.code.push(longCode(general('s'), storeCode(name, kind, general('s'))))
    } else if (integer && (kind === 'timestamp' || kind === 'timestamptz')) {
      const unit = type.logical?.includes('timestamp') ? microsPerUnit(type.logical) : declaredUnit(slot)
      const most = Math.floor(Number.MAX_SAFE_INTEGER / (unit ?? 1))
      if (unit === undefined || unit < 1) this.code.push(`s = p; ${general('s')}`)
      else {
        const store = `if (v > ${most} || v < -${most}) { ${general('s')} } else { ${storeWords(name, unit === 1 ? 'v' : `v * ${unit}`)} }`
        this.code.push(longCode(general('s'), store))
      }
    } else if (type.kind === 'int' && type.logical === 'date' && kind === 'date') {
      this.code.push(longCode(general('s'), storeCode(name, 'integer', general('s'))))
    } else if (type.kind === 'double' && kind === 'double') {
      this.code.push(
        `if (p + 8 > end) return cursor.short()`,
        `${name}.doubles[row] = view.getFloat64(p, true)`,
        'p += 8',
      )
    } else if (type.kind === 'float' && (kind === 'real' || kind === 'double')) {
      this.code.push(
        `if (p + 4 > end) return cursor.short()`,
        `${name}.doubles[row] = view.getFloat32(p, true)`,
        'p += 4',
      )
    } else if (type.kind === 'boolean' && kind === 'boolean') {
      this.code.push(`if (b[p] > 1) { ${general('p')} } else ${name}.bools[row] = b[p++]`)
    } else if (type.kind === 'string' && (kind === 'text' || kind === 'unknown')) {
      this.code.push(
        's = p',
        SIZE,
        `if (isPlain(b, view, p, p + n)) { ${name}.starts[row] = p; ${name}.ends[row] = p += n } else { ${general('s')} }`,
      )
    } else this.code.push(general('p'))
  }

  skip(type: AvroType): void {
    switch (type.kind) {
      case 'null':
        return
      case 'boolean':
        this.code.push('p++')
        return
      case 'int':
      case 'long':
      case 'enum':
        this.code.push('while (b[p++] > 127);')
        return
      case 'float':
        this.code.push('p += 4')
        return
      case 'double':
        this.code.push('p += 8')
        return
      case 'fixed':
        this.code.push(`p += ${type.size}`)
        return
      case 'string':
      case 'bytes':
        this.code.push(SIZE, 'p += n')
        return
      case 'union':
        if (isNullable(type)) {
          this.#nullable(
            type,
            () => undefined,
            inner => this.skip(inner),
          )
          return
        }
    }
    this.code.push(`if ((p = ${this.#general('skip', type, 'p')}) < 0) return -1`)
  }

  #general(method: 'value' | 'skip', type: AvroType, rest: string): string {
    const index = this.types.includes(type) ? this.types.indexOf(type) : this.types.push(type) - 1
    return `${method === 'skip' ? 'cursor' : 'f'}.${method}(types[${index}], ${rest})`
  }

  #slot(slot: Slot): string {
    return `c${this.slots.includes(slot) ? this.slots.indexOf(slot) : this.slots.push(slot) - 1}`
  }
}

/** The length of a string or bytes into n, p after it. */
const SIZE = `d = b[p]
  if (d < 128) { p++; n = (d >> 1) ^ -(d & 1) }
  else { p = varint(b, p); n = hi < 0 || hi > 7 ? -1 : (hi * 268435456 + lo) / 2 }
  if (n < 0 || p + n > end || n !== (n | 0)) return cursor.short()`

/** A zigzag integer from p into v, exact; `general` reads one of more than seven bytes from s. */
function longCode(general: string, store: string): string {
  return `s = p
  d = b[p]
  if (d < 128) { p++; v = (d >> 1) ^ -(d & 1); hi = 0 }
  else { p = varint(b, p); u = hi * 268435456 + lo; v = (lo & 1) !== 0 ? -(u + 1) / 2 : u / 2 }
  if (hi < 0) { ${general} } else { ${store} }`
}

function storeCode(name: string, kind: 'integer' | 'bigint' | 'double', general: string): string {
  if (kind === 'double') return `${name}.doubles[row] = v`
  if (kind === 'bigint') return storeWords(name, 'v')
  return `if (v !== (v | 0)) { ${general} } else ${name}.ints[row] = v`
}

function storeWords(name: string, value: string): string {
  return `t = ${value}; h = Math.floor(t * ${1 / 4294967296}); ${name}.ints[2 * row] = t - h * 4294967296; ${name}.ints[2 * row + 1] = h`
}

/** Of a column whose numbers are counts since 1970; nanoseconds go the general way. */
function declaredUnit({ time }: Slot): number | undefined {
  if (time.kind === 'auto') return 1000
  return time.kind === 'epoch' ? { s: 1_000_000, ms: 1000, us: 1, ns: undefined }[time.unit] : undefined
}

function isNullable(type: AvroType): type is Extract<AvroType, { kind: 'union' }> {
  return type.kind === 'union' && type.branches.length === 2 && withoutNull(type) !== type
}
