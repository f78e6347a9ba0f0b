import type { EngineError } from '../../base/errors.ts'
import { oidOf, sizeOf, typmodOf } from '../../batch/oids.ts'
import type { DataType, Schema } from '../../batch/types.ts'
import type { ByteWriter } from './bytes.ts'

/** What the server says: each function appends one whole message. */

function message(out: ByteWriter, type: string, body?: () => void): void {
  out.int8(type.charCodeAt(0))
  const at = out.beginLength()
  body?.()
  out.endLength(at, 4)
}

export function writeAuthenticationOk(out: ByteWriter): void {
  message(out, 'R', () => out.int32(0))
}

/** Protocol 3.2 and the `_pq_.` options we do not know, as the client asked for more than we speak. */
export function writeNegotiateVersion(out: ByteWriter, minor: number, unknownOptions: readonly string[]): void {
  message(out, 'v', () => {
    out.int32((3 << 16) | minor)
    out.int32(unknownOptions.length)
    for (const name of unknownOptions) out.cstring(name)
  })
}

export function writeParameterStatus(out: ByteWriter, name: string, value: string): void {
  message(out, 'S', () => {
    out.cstring(name)
    out.cstring(value)
  })
}

export function writeBackendKey(out: ByteWriter, processId: number, secret: Uint8Array): void {
  message(out, 'K', () => {
    out.int32(processId)
    out.copy(secret, 0, secret.length)
  })
}

export function writeReady(out: ByteWriter, transaction: 'I' | 'T' | 'E'): void {
  message(out, 'Z', () => out.int8(transaction.charCodeAt(0)))
}

/** The parts of an answer that carry nothing but their kind. */
export type PlainAnswer =
  | 'parse-complete'
  | 'bind-complete'
  | 'close-complete'
  | 'no-data'
  | 'empty-query'
  | 'suspended'
  | 'copy-done'

const PLAIN: Readonly<Record<PlainAnswer, string>> = {
  'parse-complete': '1',
  'bind-complete': '2',
  'close-complete': '3',
  'no-data': 'n',
  'empty-query': 'I',
  suspended: 's',
  'copy-done': 'c',
}

export function writePlain(out: ByteWriter, answer: PlainAnswer): void {
  message(out, PLAIN[answer])
}

export function writeCommandComplete(out: ByteWriter, tag: string): void {
  message(out, 'C', () => out.cstring(tag))
}

export function writeParameterDescription(out: ByteWriter, oids: readonly number[]): void {
  message(out, 't', () => {
    out.int16(oids.length)
    for (const oid of oids) out.int32(oid)
  })
}

/** `formats`: none = all text, one = for all, else one a column. */
export function writeRowDescription(out: ByteWriter, schema: Schema, formats: readonly number[]): void {
  message(out, 'T', () => {
    out.int16(schema.fields.length)
    for (const [i, field] of schema.fields.entries()) {
      out.cstring(field.name)
      out.int32(0) // no table
      out.int16(0)
      writeType(out, field.type)
      out.int16(formatAt(formats, i))
    }
  })
}

function writeType(out: ByteWriter, type: DataType): void {
  out.int32(oidOf(type))
  out.int16(sizeOf(type))
  out.int32(typmodOf(type))
}

/** The format of column or parameter `i` by the protocol's shorthand: none = all text, one = for all. */
export function formatAt(formats: readonly number[], i: number): number {
  return formats.length === 0 ? 0 : formats.length === 1 ? formats[0] : formats[i]
}

/** CopyOutResponse or CopyInResponse: all columns in text, or all in binary format. */
export function writeCopyResponse(out: ByteWriter, direction: 'out' | 'in', columnCount: number, format: 0 | 1): void {
  message(out, direction === 'out' ? 'H' : 'G', () => {
    out.int8(format)
    out.int16(columnCount)
    for (let i = 0; i < columnCount; i++) out.int16(format)
  })
}

/** How bad it is for the client: the statement failed, the connection ends, or just to be known. */
export type Severity = 'ERROR' | 'FATAL' | 'NOTICE' | 'WARNING'

/** ErrorResponse, or NoticeResponse for notices and warnings. `position` counts characters, as clients do. */
export function writeError(
  out: ByteWriter,
  severity: Severity,
  error: EngineError,
  position: number | undefined,
): void {
  message(out, severity === 'NOTICE' || severity === 'WARNING' ? 'N' : 'E', () => {
    const field = (code: string, value: string | undefined): void => {
      if (value === undefined) return
      out.int8(code.charCodeAt(0))
      out.cstring(value)
    }
    field('S', severity)
    field('V', severity)
    field('C', error.sqlState)
    field('M', error.message)
    field('D', error.detail)
    field('H', error.hint)
    field('P', position === undefined ? undefined : String(position))
    out.int8(0)
  })
}
