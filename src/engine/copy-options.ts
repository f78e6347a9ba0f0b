import type { Option } from '../../grammar/statements.ts'
import { EngineError, nearest, notSupported } from '../base/errors.ts'
import { booleanWord } from '../base/option-parsers.ts'

/** How the rows of a COPY are written, as Postgres has it; what its formats leave open is filled in. */
export type CopyFormat =
  | { readonly kind: 'binary' }
  | {
      readonly kind: 'text' | 'csv'
      /** A line of column names first; `match`: read, it must name the columns. */
      readonly header: boolean | 'match'
      /** One ASCII character. */
      readonly delimiter: string
      readonly nullText: string
      /** Of CSV, one ASCII character each. */
      readonly quote: string
      readonly escape: string
      /** CSV, TO: columns whose values are always quoted. */
      readonly forceQuote: readonly string[] | 'all'
      /** CSV, FROM: columns that NULL's text does not make NULL, and those that it does although quoted. */
      readonly forceNotNull: readonly string[] | 'all'
      readonly forceNull: readonly string[] | 'all'
    }

const TEXT_OPTIONS = ['format', 'delimiter', 'null', 'header', 'encoding']
const CSV_OPTIONS = ['quote', 'escape', 'force_quote', 'force_not_null', 'force_null']
/** In text format these would be read as escapes. */
const NO_DELIMITER = '\\.abcdefghijklmnopqrstuvwxyz0123456789'

/** The options of a COPY. Errors are Postgres': 42601 for what contradicts, 0A000 for what the format has not, 22023 for values. */
export function copyFormat(options: readonly Option[], direction: 'to' | 'from'): CopyFormat {
  const given = new Map<string, Option>()
  for (const option of options) {
    const name = option.name === 'csv' ? 'format' : option.name
    const known = [...TEXT_OPTIONS, ...CSV_OPTIONS]
    if (!known.includes(name)) {
      const near = nearest(name, known)
      const hint = near.length > 0 ? `Perhaps you meant ${near[0]}.` : `There is ${known.join(', ')}.`
      throw new EngineError('42601', `option "${name}" not recognized`, { position: option.at + 1, hint })
    }
    if (given.has(name)) throw wrong('42601', 'conflicting or redundant options', option)
    given.set(name, option.name === 'csv' ? { ...option, value: 'csv' } : option)
  }
  const kind = given.get('format')?.value.toLowerCase() ?? 'text'
  if (kind !== 'text' && kind !== 'csv' && kind !== 'binary') {
    throw wrong('22023', `COPY format "${kind}" not recognized`, given.get('format'), 'text, csv or binary')
  }
  const encoding = given.get('encoding')
  if (encoding && !/^utf-?8$/i.test(encoding.value)) throw notSupported(`encoding ${encoding.value}`, encoding.at + 1)
  if (kind === 'binary') {
    for (const name of ['delimiter', 'null', 'header']) {
      const option = given.get(name)
      if (option) throw wrong('42601', `cannot specify ${name.toUpperCase()} in BINARY mode`, option)
    }
  }
  for (const name of CSV_OPTIONS) {
    const option = given.get(name)
    if (!option) continue
    if (kind !== 'csv') throw wrong('0A000', `COPY ${name.toUpperCase()} requires CSV mode`, option)
    if ((name === 'force_quote') !== (direction === 'to') && name.startsWith('force')) {
      const other = direction === 'to' ? 'COPY TO' : 'COPY FROM'
      throw wrong('0A000', `COPY ${name.toUpperCase()} cannot be used with ${other}`, option)
    }
  }
  if (kind === 'binary') return { kind }
  const character = (name: string, standard: string): string => {
    const option = given.get(name)
    if (option === undefined) return standard
    // biome-ignore lint/suspicious/noControlCharactersInRegex: any ASCII character may delimit but line ends
    if (/^[\x01-\x09\x0b\x0c\x0e-\x7f]$/.test(option.value)) return option.value
    throw wrong('0A000', `COPY ${name} must be a single one-byte character other than a line end`, option)
  }
  const delimiter = character('delimiter', kind === 'csv' ? ',' : '\t')
  const quote = character('quote', '"')
  if (kind === 'text' && NO_DELIMITER.includes(delimiter))
    throw wrong('22023', `COPY delimiter cannot be "${delimiter}"`, given.get('delimiter'))
  if (kind === 'csv' && delimiter === quote)
    throw wrong('22023', 'COPY delimiter and quote must be different', given.get('quote') ?? given.get('delimiter'))
  const nullText = given.get('null')?.value ?? (kind === 'csv' ? '' : '\\N')
  if (/[\r\n]/.test(nullText)) throw wrong('22023', 'COPY null representation cannot use newline', given.get('null'))
  if (nullText.includes(delimiter))
    throw wrong('22023', 'COPY delimiter character must not appear in the NULL specification', given.get('null'))
  const header = given.get('header')
  return {
    kind,
    header: header?.value.toLowerCase() === 'match' && direction === 'from' ? 'match' : headerWord(header),
    delimiter,
    nullText,
    quote,
    escape: character('escape', quote),
    forceQuote: names(given.get('force_quote')),
    forceNotNull: names(given.get('force_not_null')),
    forceNull: names(given.get('force_null')),
  }
}

function headerWord(option: Option | undefined): boolean {
  if (!option) return false
  try {
    return booleanWord('header')(option.value)
  } catch (error) {
    throw error instanceof EngineError ? error.at(option.at + 1) : error
  }
}

function names(option: Option | undefined): readonly string[] | 'all' {
  if (!option) return []
  return option.value === '*' ? 'all' : option.value.split(', ')
}

function wrong(sqlState: string, message: string, option: Option | undefined, hint?: string): EngineError {
  return new EngineError(sqlState, message, { position: option && option.at + 1, hint })
}
