import { EngineError, toEngineError } from '../../base/errors.ts'
import { ByteReader, malformed } from './bytes.ts'

/** What a client says, decoded. */
export type FrontendMessage =
  | { readonly kind: 'ssl-request' | 'gss-request' }
  | { readonly kind: 'cancel'; readonly processId: number; readonly secret: Uint8Array }
  | {
      readonly kind: 'startup'
      readonly minor: number
      readonly parameters: ReadonlyMap<string, string>
    }
  | { readonly kind: 'query'; readonly sql: string }
  | { readonly kind: 'parse'; readonly name: string; readonly sql: string; readonly typeOids: readonly number[] }
  | {
      readonly kind: 'bind'
      readonly portal: string
      readonly statement: string
      readonly parameterFormats: readonly number[]
      readonly parameters: readonly (Uint8Array | null)[]
      readonly resultFormats: readonly number[]
    }
  | { readonly kind: 'describe' | 'close'; readonly target: 'statement' | 'portal'; readonly name: string }
  | { readonly kind: 'execute'; readonly portal: string; readonly rowsMax: number }
  | { readonly kind: 'flush' | 'sync' | 'terminate' | 'function-call' | 'copy-done' }
  | { readonly kind: 'copy-data'; readonly bytes: Uint8Array }
  | { readonly kind: 'copy-fail'; readonly reason: string }
  | { readonly kind: 'password' }
  /** Could not be read. Afterwards: go on, go on after the next Sync, or give the connection up as lost. */
  | { readonly kind: 'malformed'; readonly error: EngineError; readonly after: 'ready' | 'skip' | 'end' }

const CANCEL_CODE = 80877102
const SSL_CODE = 80877103
const GSS_CODE = 80877104
/** Postgres' own limit for what comes before a client is known. */
const STARTUP_BYTES_MAX = 10_000

/**
 * Bytes in, messages out, however the bytes are cut. Starts with the untyped start-up packets and goes over to typed
 * messages after a `startup`. A body that cannot be read gives `malformed` and reading goes on after it; a length that cannot
 * be true means that nobody knows where the next message begins: it is the last one.
 */
export class FrontendDecoder {
  readonly #messageBytesMax: number
  /** Unread bytes are #buffer[#start … #end). Bytes once handed out are never written again. */
  #buffer: Uint8Array = new Uint8Array(0)
  #start = 0
  #end = 0
  #started = false
  #broken = false

  constructor(messageBytesMax: number) {
    this.#messageBytesMax = messageBytesMax
  }

  /** Bytes of an unfinished message. */
  get pendingBytes(): number {
    return this.#end - this.#start
  }

  /** Takes bytes; they must not change afterwards. Then call `next` until it returns undefined. */
  push(bytes: Uint8Array): void {
    if (this.#broken) return
    if (this.pendingBytes === 0) {
      this.#buffer = bytes
      this.#start = 0
      this.#end = bytes.length
      return
    }
    // Doubling, so that a message of many pieces is not copied once a piece. What was handed out lies before #end.
    if (this.#end + bytes.length > this.#buffer.length) {
      const grown = new Uint8Array(2 * (this.pendingBytes + bytes.length))
      grown.set(this.#buffer.subarray(this.#start, this.#end))
      this.#end = this.pendingBytes
      this.#start = 0
      this.#buffer = grown
    }
    this.#buffer.set(bytes, this.#end)
    this.#end += bytes.length
  }

  next(): FrontendMessage | undefined {
    if (this.#broken) return undefined
    try {
      return this.#started ? this.#nextTyped() : this.#nextStartup()
    } catch (cause) {
      this.#broken = true
      return { kind: 'malformed', error: toEngineError(cause), after: 'end' }
    }
  }

  #nextStartup(): FrontendMessage | undefined {
    if (this.pendingBytes < 4) return undefined
    const length = this.#peekInt32(0)
    if (length < 8 || length > STARTUP_BYTES_MAX) throw lost(`invalid length of startup packet: ${length}`)
    if (this.pendingBytes < length) return undefined
    const reader = new ByteReader(this.#consume(length))
    reader.int32()
    const code = reader.uint32()
    if (code === SSL_CODE) return { kind: 'ssl-request' }
    if (code === GSS_CODE) return { kind: 'gss-request' }
    if (code === CANCEL_CODE) return decodeCancel(reader)
    const major = code >>> 16
    if (major !== 3) {
      throw new EngineError(
        '0A000',
        `unsupported frontend protocol ${major}.${code & 0xffff}: server supports 3.0 to 3.2`,
      )
    }
    const parameters = decodeStartupParameters(reader)
    this.#started = true
    return { kind: 'startup', minor: code & 0xffff, parameters }
  }

  #nextTyped(): FrontendMessage | undefined {
    if (this.pendingBytes < 5) return undefined
    const type = this.#buffer[this.#start]
    const length = this.#peekInt32(1)
    if (length < 4) throw lost(`invalid message length ${length}`)
    if (length > this.#messageBytesMax) {
      throw new EngineError('54000', `message of ${length} bytes is larger than ${this.#messageBytesMax}`, {
        hint: 'The server keeps this limit so that one client cannot take its memory; send less at once, or raise pg_message_bytes_max.',
      })
    }
    // A type that no client sends means lost step: its length is as little to be trusted.
    if (!KNOWN_TYPES.has(type)) throw lost(`invalid frontend message type ${type}`)
    if (this.pendingBytes < length + 1) return undefined
    const body = this.#consume(length + 1).subarray(5)
    return decodeBody(String.fromCharCode(type), new ByteReader(body))
  }

  #consume(count: number): Uint8Array {
    this.#start += count
    return this.#buffer.subarray(this.#start - count, this.#start)
  }

  #peekInt32(skip: number): number {
    const at = this.#start + skip
    return new ByteReader(this.#buffer.subarray(at, at + 4)).int32()
  }
}

const KNOWN_TYPES = new Set([...'QPBDCEHSXFdcfp'].map(c => c.charCodeAt(0)))

/** After an error in one of these the client sends Sync, and everything before it is skipped. */
const EXTENDED_TYPES = 'PBDCEH'

function lost(what: string): EngineError {
  return new EngineError('08P01', what, { hint: 'The client broke the protocol, or is no Postgres client.' })
}

function decodeBody(type: string, reader: ByteReader): FrontendMessage {
  try {
    const message = decodeTyped(type, reader)
    if (message.kind !== 'function-call' && message.kind !== 'password') reader.end()
    return message
  } catch (cause) {
    return { kind: 'malformed', error: toEngineError(cause), after: EXTENDED_TYPES.includes(type) ? 'skip' : 'ready' }
  }
}

function decodeTyped(type: string, reader: ByteReader): FrontendMessage {
  switch (type) {
    case 'Q':
      return { kind: 'query', sql: reader.cstring() }
    case 'P': {
      const name = reader.cstring()
      const sql = reader.cstring()
      return { kind: 'parse', name, sql, typeOids: times(reader.uint16(), () => reader.uint32()) }
    }
    case 'B':
      return decodeBind(reader)
    case 'D':
    case 'C':
      return { kind: type === 'D' ? 'describe' : 'close', target: decodeTarget(reader.int8()), name: reader.cstring() }
    case 'E':
      return { kind: 'execute', portal: reader.cstring(), rowsMax: Math.max(0, reader.int32()) }
    case 'H':
      return { kind: 'flush' }
    case 'S':
      return { kind: 'sync' }
    case 'X':
      return { kind: 'terminate' }
    case 'F':
      return { kind: 'function-call' }
    case 'p':
      return { kind: 'password' }
    case 'd':
      return { kind: 'copy-data', bytes: reader.take(reader.remaining) }
    case 'f':
      return { kind: 'copy-fail', reason: reader.cstring() }
    default:
      return { kind: 'copy-done' }
  }
}

function decodeBind(reader: ByteReader): FrontendMessage {
  const portal = reader.cstring()
  const statement = reader.cstring()
  const parameterFormats = times(reader.uint16(), () => decodeFormat(reader.int16()))
  const parameters = times(reader.uint16(), () => {
    const length = reader.int32()
    if (length < -1) throw malformed(`a parameter of ${length} bytes`)
    return length === -1 ? null : reader.take(length)
  })
  const resultFormats = times(reader.uint16(), () => decodeFormat(reader.int16()))
  return { kind: 'bind', portal, statement, parameterFormats, parameters, resultFormats }
}

function decodeFormat(format: number): number {
  if (format !== 0 && format !== 1) throw malformed(`unsupported format code ${format}`)
  return format
}

function decodeTarget(code: number): 'statement' | 'portal' {
  if (code === 83) return 'statement'
  if (code === 80) return 'portal'
  throw malformed(`no statement and no portal, but ${code}`)
}

function decodeCancel(reader: ByteReader): FrontendMessage {
  return { kind: 'cancel', processId: reader.int32(), secret: reader.take(reader.remaining) }
}

function decodeStartupParameters(reader: ByteReader): Map<string, string> {
  const parameters = new Map<string, string>()
  for (;;) {
    const name = reader.cstring()
    if (name === '') break
    parameters.set(name, reader.cstring())
  }
  reader.end()
  return parameters
}

function times<T>(count: number, read: () => T): T[] {
  const values: T[] = []
  for (let i = 0; i < count; i++) values.push(read())
  return values
}
