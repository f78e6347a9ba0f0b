import { expect, test } from 'vitest'
import { type CopyRow, CopyRows, type CopySyntax } from '../../src/format/copy-rows.ts'

const CSV: CopySyntax = {
  ...{ kind: 'csv', delimiter: ',', nullText: '', quote: '"', escape: '"' },
  notNull: () => false,
  nullQuoted: () => false,
}
const TEXT: CopySyntax = { ...CSV, kind: 'text', delimiter: '\t', nullText: '\\N' }

/** The same rows however the bytes are cut. */
function read(syntax: CopySyntax, text: string): CopyRow[] {
  const bytes = new TextEncoder().encode(text)
  const cut = (size: number): CopyRow[] => {
    const rows = new CopyRows(syntax)
    const found: CopyRow[] = []
    for (let at = 0; at < bytes.length; at += size) found.push(...rows.push(bytes.subarray(at, at + size)))
    return [...found, ...rows.finish()]
  }
  const whole = cut(bytes.length)
  for (const size of [1, 2, 3, 7]) expect(cut(size)).toEqual(whole)
  return whole
}

const fields = (syntax: CopySyntax, text: string): CopyRow['fields'][] => read(syntax, text).map(row => row.fields)

// What Postgres' documentation of COPY says of each format.
test('text: escapes, NULL, and the end of the data', () => {
  expect(fields(TEXT, 'a\t\\N\tü\\tb\\\\N\n\\x41\\101\\q\t\t\\\\\r\nline\\\nend\tx\ty')).toEqual([
    ['a', null, 'ü\tb\\N'],
    ['AAq', '', '\\'],
    ['line\nend', 'x', 'y'],
  ])
  expect(fields(TEXT, 'a\n\\.\nignored\n')).toEqual([['a']])
  expect(fields({ ...TEXT, delimiter: '|', nullText: 'NULL' }, 'NULL|\\|NULL\\N|')).toEqual([[null, '|NULLN', '']])
})

test('csv: quotes, empty and NULL, lines inside quotes', () => {
  expect(fields(CSV, 'a,,""\r\n"x ""y"", z","1\n2",b"c,"d\n')).toEqual([
    ['a', null, ''],
    ['x "y", z', '1\n2', 'bc,d'],
  ])
  expect(fields({ ...CSV, delimiter: ';', quote: "'", escape: '\\' }, "'it\\'s';'a\\\\b';c\\d")).toEqual([
    ["it's", 'a\\b', 'c\\d'],
  ])
  expect(fields({ ...CSV, nullText: '-', notNull: n => n === 1, nullQuoted: n => n === 2 }, '-,-,"-","-"')).toEqual([
    [null, '-', null, '-'],
  ])
  expect(read(CSV, 'a\n"b\nc"\nd\n').map(row => row.line)).toEqual([1, 2, 4])
})

test('what cannot be read is an error', () => {
  expect(() => read(CSV, '"open\n')).toThrow('unterminated CSV quoted field')
  const rows = new CopyRows(TEXT)
  expect(() => rows.push(Uint8Array.of(0xc3, 0x28))).toThrow('invalid byte sequence')
})
