import { EngineError } from '../base/errors.ts'
import { oneOf } from '../base/option-parsers.ts'
import type { Option } from '../connector.ts'
import type { DecodeOptions, EncodeOptions } from '../format/format.ts'
import type { FormatOptions } from './objects.ts'
import { openOption } from './options.ts'
import { hasReference } from './references.ts'

const httpAddress = (name: string) => (text: string) => {
  for (const each of text.split(',')) {
    const url = URL.canParse(each.trim()) ? new URL(each.trim()) : undefined
    if (url?.password || url?.username) {
      // The text is not repeated, for the password is in it.
      throw new EngineError('22023', `option ${name} holds a login, and addresses are shown`, {
        hint: `Say ${name}_username and ${name}_password.`,
      })
    }
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
  const opened = openFormat(options)
  const { header, delimiter, nullText, avroSchema } = opened
  return { header, delimiter, nullText, avroSchema, declared, registry: openedRegistry(opened) }
}

/** For writing. */
export function encodeOptions(options: FormatOptions): EncodeOptions {
  const opened = openFormat(options)
  const { header, delimiter, keyFormat, schemaSubject } = opened
  return { header: header !== 'false', delimiter, keyFormat, schemaSubject, registry: openedRegistry(opened) }
}

/** Where the schema registry is, when one was named. */
export function registryOf(options: FormatOptions): DecodeOptions['registry'] {
  return openedRegistry(openFormat(options))
}

function openedRegistry(options: FormatOptions): DecodeOptions['registry'] {
  const { schemaRegistry: url, schemaRegistryUsername: username, schemaRegistryPassword: password } = options
  return url === undefined ? undefined : { url, username, password, ca: options.schemaRegistryCa }
}

/** As they are used, references to variables and files resolved. */
function openFormat(options: FormatOptions): FormatOptions {
  const opened: Record<string, string | undefined> = { ...options }
  for (const option of FORMAT_OPTIONS) {
    const name = fieldOf(option)
    const text = opened[name]
    if (text !== undefined && hasReference(text)) opened[name] = String(openOption(option, text))
  }
  return opened as FormatOptions // each value went through the parser of its option
}

/** The name of a format's option in FormatOptions. */
export function fieldOf({ name }: Option): string {
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
}
