import { ByteReader, ByteWriter } from '../../src/server/pgwire/bytes.ts'

/** A frontend in bytes: writes messages, and reads the backend's as lines of text for assertions. */

function message(type: string, body: (out: ByteWriter) => void): Uint8Array {
  const out = new ByteWriter(256)
  if (type !== '') out.int8(type.charCodeAt(0))
  const at = out.beginLength()
  body(out)
  out.endLength(at, 4)
  return out.take()
}

export const startup = (parameters: Record<string, string> = { user: 'u' }, version = 196608): Uint8Array =>
  message('', out => {
    out.int32(version)
    for (const [name, value] of Object.entries(parameters)) {
      out.cstring(name)
      out.cstring(value)
    }
    out.int8(0)
  })
export const request = (code: number, ...words: number[]): Uint8Array =>
  message('', out => {
    for (const word of [code, ...words]) out.int32(word)
  })
export const query = (sql: string): Uint8Array => message('Q', out => out.cstring(sql))
export const parse = (name: string, sql: string, oids: number[] = []): Uint8Array =>
  message('P', out => {
    out.cstring(name)
    out.cstring(sql)
    out.int16(oids.length)
    for (const oid of oids) out.int32(oid)
  })
export const bind = (
  portal: string,
  statement: string,
  parameters: (string | Uint8Array | null)[] = [],
  formats: { parameters?: number[]; results?: number[] } = {},
): Uint8Array =>
  message('B', out => {
    out.cstring(portal)
    out.cstring(statement)
    out.int16(formats.parameters?.length ?? 0)
    for (const format of formats.parameters ?? []) out.int16(format)
    out.int16(parameters.length)
    for (const parameter of parameters) {
      if (parameter === null) {
        out.int32(-1)
        continue
      }
      const bytes = typeof parameter === 'string' ? Buffer.from(parameter) : parameter
      out.int32(bytes.length)
      out.copy(bytes, 0, bytes.length)
    }
    out.int16(formats.results?.length ?? 0)
    for (const format of formats.results ?? []) out.int16(format)
  })
const named =
  (type: string) =>
  (target: 'S' | 'P', name = ''): Uint8Array =>
    message(type, out => {
      out.int8(target.charCodeAt(0))
      out.cstring(name)
    })
export const describeMessage = named('D')
export const close = named('C')
export const execute = (portal = '', rowsMax = 0): Uint8Array =>
  message('E', out => {
    out.cstring(portal)
    out.int32(rowsMax)
  })
export const sync = (): Uint8Array => message('S', () => {})
export const flush = (): Uint8Array => message('H', () => {})
export const terminate = (): Uint8Array => message('X', () => {})
export const raw = (type: string, body: Uint8Array): Uint8Array => message(type, out => out.copy(body, 0, body.length))

/** Backend messages as lines: `D 1|a`, `C SELECT 1`, `E ERROR 42601 text P=3`, `Z I`. */
export function readBackend(bytes: Uint8Array): string[] {
  const lines: string[] = []
  const reader = new ByteReader(bytes)
  while (reader.remaining > 0) {
    const type = String.fromCharCode(reader.int8())
    if (type === 'N' && (lines.length === 0 || lines.at(-1) === 'N') && reader.remaining === 0) {
      lines.push('N')
      continue
    }
    lines.push(describeBackend(type, new ByteReader(reader.take(reader.int32() - 4))))
  }
  return lines
}

function describeBackend(type: string, body: ByteReader): string {
  switch (type) {
    case 'D':
      return `D ${times(body.int16(), () => cell(body)).join('|')}`
    case 'T':
      return `T ${times(body.int16(), () => column(body)).join(' ')}`
    case 't':
      return `t ${times(body.int16(), () => body.int32()).join(' ')}`
    case 'C':
      return `C ${body.cstring()}`
    case 'S':
      return `S ${body.cstring()}=${body.cstring()}`
    case 'Z':
      return `Z ${String.fromCharCode(body.int8())}`
    case 'd':
      return `d ${JSON.stringify(Buffer.from(body.take(body.remaining)).toString())}`
    case 'K':
      return `K ${body.int32()} ${Buffer.from(body.take(body.remaining)).toString('hex')}`
    case 'v':
      return `v ${body.int32()} ${times(body.int32(), () => body.cstring()).join(' ')}`
    case 'E':
    case 'N':
      return `${type} ${errorFields(body)}`
    default:
      return type
  }
}

function cell(body: ByteReader): string {
  const length = body.int32()
  return length < 0 ? 'NULL' : Buffer.from(body.take(length)).toString('latin1')
}

function column(body: ByteReader): string {
  const name = body.cstring()
  body.int32()
  body.int16()
  const oid = body.int32()
  const size = body.int16()
  const typmod = body.int32()
  return `${name}:${oid}/${size}/${typmod}/${body.int16()}`
}

function errorFields(body: ByteReader): string {
  const fields: Record<string, string> = {}
  for (let code = body.int8(); code !== 0; code = body.int8()) fields[String.fromCharCode(code)] = body.cstring()
  const { S, C, M, ...rest } = fields
  delete rest.V
  return [S, C, M, ...Object.entries(rest).map(([k, v]) => `${k}=${v}`)].join(' ')
}

function times<T>(count: number, read: () => T): T[] {
  return Array.from({ length: count }, read)
}
