import type { EngineError } from '../../base/errors.ts'
import type { Arena } from '../arena.ts'
import type { LooseChild, PathNode } from '../json-path.ts'
import type { ValueReader, Verdict } from '../row-decoder.ts'
import type { TextReader } from '../text-reader.ts'
import { type AvroParser, compileAvro } from './compile.ts'
import { AvroCursor } from './cursor.ts'
import type { SchemaRegistry } from './registry.ts'
import { type AvroType, parseAvroSchema } from './schema.ts'
import { AvroValues } from './values.ts'

/** Ids of schemas that could not be had, kept so that a topic of damaged records does not ask for each; then the oldest go. */
const REFUSED_MAX = 1000
/** Generated readers kept: a topic has few schemas under way. */
const PARSERS_MAX = 100
const HEADER_BYTES = 5

/**
 * Reads Avro records. With a registry each begins with a zero byte and the id of the schema it was written with, four bytes,
 * big-endian (Confluent's wire format); an id that is new makes the record wait until `fetch` has its schema. Without: every record is
 * of the one schema given.
 */
export class AvroReader implements ValueReader {
  reason = ''
  readonly #root: PathNode
  readonly #loose: readonly LooseChild[]
  readonly #cursor = new AvroCursor()
  readonly #values: AvroValues
  readonly #registry: SchemaRegistry | undefined
  readonly #parsers = new Map<number, AvroParser>()
  readonly #refused = new Map<number, string>()
  #bytes: Uint8Array = new Uint8Array(0)
  #view: DataView = new DataView(new ArrayBuffer(0))
  #lastId = -1
  #last: AvroParser | undefined
  #wanted = -1

  constructor(parts: {
    readonly root: PathNode
    readonly loose: readonly LooseChild[]
    readonly texts: TextReader
    readonly arena: Arena
    readonly schemas: SchemaRegistry | AvroType
  }) {
    const { root, loose, schemas } = parts
    this.#root = root
    this.#loose = loose
    this.#values = new AvroValues(this.#cursor, parts.texts, parts.arena)
    if ('kind' in schemas) this.#last = this.#compile(schemas)
    else this.#registry = schemas
  }

  read(bytes: Uint8Array, start: number, end: number, row: number): Verdict {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    }
    let at = start
    if (this.#registry !== undefined) {
      if (end - start < HEADER_BYTES || bytes[start] !== 0) {
        return this.#bad(
          'no Avro record of a schema registry: it does not begin with a zero byte and the id of a schema',
        )
      }
      const id = this.#view.getUint32(start + 1)
      if (id !== this.#lastId && !this.#choose(id)) return this.#wanted === id ? 'wait' : 'bad'
      at += HEADER_BYTES
    }
    const parse = this.#last
    if (parse === undefined) return this.#bad('no schema')
    this.#cursor.enter(bytes, end)
    const after = parse(bytes, this.#view, at, end, row)
    if (after === end) return 'row'
    return this.#bad(
      after < 0
        ? this.#cursor.reason
        : `${end - after} bytes follow the value: it was written with another schema, or is damaged`,
    )
  }

  /** Gets the schema that the last record waits for. An id that the registry does not know, or whose schema is no Avro, makes records bad. Throws EngineError when the registry cannot be asked. */
  async fetch(): Promise<void> {
    const id = this.#wanted
    if (this.#registry === undefined || id < 0) return
    try {
      const { schema, references } = await this.#registry.schema(id)
      if (this.#parsers.size >= PARSERS_MAX) this.#forgetOldest(this.#parsers)
      this.#parsers.set(id, this.#compile(parseAvroSchema(schema, references)))
    } catch (error) {
      const { message, actor } = error as EngineError // the registry and the parser throw nothing else
      if (actor === 'external') throw error
      if (this.#refused.size >= REFUSED_MAX) this.#forgetOldest(this.#refused)
      this.#refused.set(id, message)
    }
  }

  #choose(id: number): boolean {
    const parser = this.#parsers.get(id)
    const refused = this.#refused.get(id)
    this.#wanted = parser === undefined && refused === undefined ? id : -1
    if (refused !== undefined) this.reason = refused
    if (parser === undefined) return false
    this.#last = parser
    this.#lastId = id
    return true
  }

  #compile(type: AvroType): AvroParser {
    return compileAvro(type, this.#root, this.#loose, this.#cursor, this.#values)
  }

  #forgetOldest(map: Map<number, unknown>): void {
    const [oldest] = map.keys()
    map.delete(oldest)
  }

  #bad(reason: string): Verdict {
    this.reason = reason
    return 'bad'
  }
}
