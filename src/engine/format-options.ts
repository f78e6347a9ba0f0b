import { EngineError } from '../base/errors.ts'
import { oneOf } from '../base/option-parsers.ts'
import type { Option } from '../connector.ts'
import type { DecodeOptions, EncodeOptions } from '../format/format.ts'
import type { FormatOptions } from './objects.ts'

const httpAddress = (name: string) => (text: string) => {
  for (const each of text.split(',')) {
    const url = URL.canParse(each.trim()) ? new URL(each.trim()) : undefined
    if (url?.protocol === 'http:' || url?.protocol === 'https:') continue
    throw new EngineError('22023', `option ${name} = '${text}' must be an address such as 'http://localhost:8081'`)
  }
  return text
}
const asGiven = (text: string): string => text

/** Options that belong to the format of records, whatever carries them. */
export const FORMAT_OPTIONS: readonly Option[] = [
  {
    name: 'header',
    doc: 'CSV: whether the first record names the fields.',
    parse: oneOf('header', ['true', 'false', 'auto']),
  },
  { name: 'delimiter', doc: 'CSV: the character between fields.', parse: asGiven },
  { name: 'null_text', doc: 'CSV: the text that stands for NULL.', parse: asGiven },
  { name: 'key_format', doc: 'How keys are written.', parse: oneOf('key_format', ['raw', 'json']) },
  {
    name: 'schema_registry',
    doc: "Avro: address of a schema registry with Confluent's API; several, separated by commas, are tried in order.",
    parse: httpAddress('schema_registry'),
    connection: true,
  },
  { name: 'schema_registry_username', doc: 'Login at the schema registry.', parse: asGiven, connection: true },
  {
    name: 'schema_registry_password',
    doc: 'Password at the schema registry.',
    parse: asGiven,
    connection: true,
    secret: true,
  },
  {
    name: 'schema_registry_ca',
    doc: 'PEM text of the authority that signed the schema registry.',
    parse: asGiven,
    connection: true,
  },
  {
    name: 'schema_subject',
    doc: "Avro: the subject of the topic's schema; default the topic's name and -value.",
    parse: asGiven,
  },
  { name: 'avro_schema', doc: 'Avro without a registry: the schema of every record, as JSON.', parse: asGiven },
]

/** Those that CREATE CONNECTION may give. */
export const FORMAT_CONNECTION_OPTIONS = FORMAT_OPTIONS.filter(o => o.connection)

/** For reading; `declared` as in DecodeOptions. */
export function decodeOptions(options: FormatOptions, declared: readonly string[]): DecodeOptions {
  const { header, delimiter, nullText, avroSchema } = options
  return { header, delimiter, nullText, avroSchema, declared, registry: registryOf(options) }
}

/** For writing. */
export function encodeOptions(options: FormatOptions): EncodeOptions {
  const { header, delimiter, keyFormat, schemaSubject } = options
  return { header: header !== 'false', delimiter, keyFormat, schemaSubject, registry: registryOf(options) }
}

/** Where the schema registry is, when one was named. */
export function registryOf(options: FormatOptions): DecodeOptions['registry'] {
  const { schemaRegistry: url, schemaRegistryUsername: username, schemaRegistryPassword: password } = options
  return url === undefined ? undefined : { url, username, password, ca: options.schemaRegistryCa }
}
