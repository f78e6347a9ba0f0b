import { EngineError } from '../base/errors.ts'
import type { DataType, Datum } from '../batch/types.ts'
import type { TextSettings } from './datetime.ts'
import { formatDatum, parseDatum } from './text.ts'

/** Arrays and rows as Postgres writes them: `{1,"b c",NULL}` and `(1,"b c",)`. */

export function formatArray(values: readonly Datum[], element: DataType, settings: TextSettings): string {
  const items = values.map(value => {
    if (value === null) return 'NULL'
    if (Array.isArray(value) && element.kind !== 'row' && element.kind !== 'map') {
      return formatArray(value, innerOf(element), settings)
    }
    return quoteElement(formatDatum(value, element, settings))
  })
  return `{${items.join(',')}}`
}

/** The element type of an array inside an array: those of several dimensions carry the type of their innermost elements, as in Postgres. */
function innerOf(element: DataType): DataType {
  return element.kind === 'array' ? element.element : element
}

function quoteElement(text: string): string {
  const plain = text !== '' && !/[\s{}",\\]/.test(text) && text.toLowerCase() !== 'null'
  return plain ? text : `"${text.replace(/["\\]/g, '\\$&')}"`
}

export function formatRow(values: readonly Datum[], type: Extract<DataType, { kind: 'row' }>, settings: TextSettings) {
  const items = type.fields.map((field, i) => {
    const value = values[i]
    if (value === null) return ''
    const text = formatDatum(value, field.type, settings)
    const plain = text !== '' && !/[\s(),"\\]/.test(text)
    return plain ? text : `"${text.replace(/["\\]/g, '$&$&')}"`
  })
  return `(${items.join(',')})`
}

/** Reads an array of any depth; nested braces give nested arrays. Throws 22P02. */
export function parseArray(text: string, element: DataType, settings: TextSettings): Datum {
  let at = 0
  const wrong = (detail: string): EngineError =>
    new EngineError('22P02', `malformed array literal: "${text}"`, { detail })
  const skip = (): void => {
    while (/\s/.test(text.charAt(at))) at++
  }
  const item = (inner: DataType): Datum => {
    skip()
    if (text[at] === '{') return list(innerOf(inner))
    let value = ''
    if (text[at] === '"') {
      for (at++; text[at] !== '"'; at++) {
        if (text[at] === '\\') at++
        if (at >= text.length) throw wrong('Unexpected end of input.')
        value += text[at]
      }
      at++
      skip()
      return parseDatum(value, inner, settings)
    }
    for (; at < text.length && !/[,{}"]/.test(text[at]); at++) {
      if (text[at] === '\\') at++
      value += text.charAt(at)
    }
    value = value.trim()
    if (value === '')
      throw wrong(at >= text.length ? 'Unexpected end of input.' : `Unexpected "${text[at]}" character.`)
    return value.toLowerCase() === 'null' ? null : parseDatum(value, inner, settings)
  }
  const list = (inner: DataType): Datum[] => {
    const items: Datum[] = []
    at++
    skip()
    if (text[at] === '}') {
      at++
      skip()
      return items
    }
    for (;;) {
      items.push(item(inner))
      skip()
      const c = text[at]
      if (c === undefined) throw wrong('Unexpected end of input.')
      if (c !== ',' && c !== '}') throw wrong(`Unexpected "${c}" character.`)
      at++
      if (c === '}') {
        skip()
        return items
      }
    }
  }
  skip()
  if (text[at] !== '{') throw wrong('Array value must start with "{" or dimension information.')
  const result = list(element)
  if (at < text.length) throw wrong('Junk after closing right brace.')
  return result
}

/** Reads `(a,"b c",)`; an empty field is NULL. Throws 22P02. */
export function parseRow(text: string, type: Extract<DataType, { kind: 'row' }>, settings: TextSettings): Datum {
  const wrong = (detail: string): EngineError =>
    new EngineError('22P02', `malformed record literal: "${text}"`, { detail })
  const trimmed = text.trim()
  if (!trimmed.startsWith('(')) throw wrong('Missing left parenthesis.')
  if (!trimmed.endsWith(')')) throw wrong('Unexpected end of input.')
  const values: Datum[] = []
  let at = 1
  for (const [i, field] of type.fields.entries()) {
    if (i > 0 && trimmed[at++] !== ',') throw wrong('Too few columns.')
    let value = ''
    let present = false
    let quoted = false
    for (; at < trimmed.length; at++) {
      const c = trimmed[at]
      if (!quoted && (c === ',' || c === ')')) break
      present = true
      if (c === '\\') value += trimmed.charAt(++at)
      else if (c !== '"') value += c
      else if (quoted && trimmed[at + 1] === '"') value += trimmed[++at]
      else quoted = !quoted
    }
    values.push(present ? parseDatum(value, field.type, settings) : null)
  }
  if (at !== trimmed.length - 1) throw wrong('Too many columns.')
  return values
}
