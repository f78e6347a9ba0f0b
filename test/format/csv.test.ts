import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { batchOfRows } from '../../src/batch/batch.ts'
import { createDecoder, createEncoder } from '../../src/format/format.ts'
import { RecordSplitter } from '../../src/format/split.ts'
import { column, decode, finish } from './support.ts'

const places = ['../../../shared/data/', '../../../../shared/data/'].map(p => new URL(p, import.meta.url).pathname)
const data = places.find(p => existsSync(p)) ?? places[0]

function split(bytes: Uint8Array, mode: 'lines' | 'csv', block: number): string[] {
  const splitter = new RecordSplitter(mode)
  const found: string[] = []
  const take = (): void => {
    splitter.cut()
    for (let i = 0; i < splitter.count; i++) {
      found.push(Buffer.from(splitter.bytes.subarray(splitter.bounds[2 * i], splitter.bounds[2 * i + 1])).toString())
    }
  }
  for (let at = 0; at < bytes.length; at += block) {
    splitter.push(bytes.subarray(at - splitter.rest, at + block))
    take()
  }
  splitter.finish(bytes.subarray(bytes.length - splitter.rest))
  take()
  expect(splitter.position).toBe(bytes.length)
  return found
}

describe('splitting', () => {
  const text = '\ufeffa,b\r\n"x\ny","say ""hi"""\n\nd"q,e\nlast'
  it.each([1, 2, 3, 7, 1000])('finds the same records in blocks of %i bytes', block => {
    const bytes = Buffer.from(text)
    expect(split(bytes, 'csv', block)).toEqual(['a,b', '"x\ny","say ""hi"""', '', 'd"q,e', 'last'])
    expect(split(bytes, 'lines', block)).toEqual(['a,b', '"x', 'y","say ""hi"""', '', 'd"q,e', 'last'])
  })

  it('refuses a record without an end', () => {
    const splitter = new RecordSplitter('csv', { recordMax: 10 })
    expect(() => splitter.push(Buffer.from('"never closed'))).toThrow('longer than 10 bytes')
  })
})

describe('reading CSV', () => {
  const columns = [column('name', 'text'), column('t', 'double'), column('n', 'integer')]

  it('takes fields by position without a header', () => {
    const { rows, reasons } = decode('csv', columns, ['"a, ""b""",1.5, 7 ', 'x,,', '', '"",2,3\r\n'])
    expect(reasons).toEqual([])
    expect(rows).toEqual([
      ['a, "b"', 1.5, 7],
      ['x', null, null],
      ['', 2, 3],
    ])
  })

  it('takes fields by name from a header, in any order and case', () => {
    const { rows, reasons } = decode('csv', columns, ['N,extra,name,T', '1,x,dev,2.5', '1,x'])
    expect(rows).toEqual([['dev', 2.5, 1]])
    expect(reasons).toEqual(['2 fields where the header names 4'])
  })

  it('says what is wrong', () => {
    const { reasons } = decode('csv', columns, [
      'a,b,c',
      '"open',
      '"a"b,1,2',
      'x,1',
      Buffer.from([0x61, 0xff, 0x2c, 0x31, 0x2c, 0x31]),
    ])
    expect(reasons).toEqual([
      'column "t": "b" is no valid double precision',
      'field 1: the quote is not closed',
      'field 1: a delimiter must follow the closing quote',
      'column "n" is field 3, and there are 2',
      'column "name": invalid UTF-8 at byte 1',
    ])
  })

  it('knows the header from all declared columns, also when none of them is asked for', () => {
    const { rows } = decode('csv', [], ['a,b', '1,2', '3,4'], { declared: ['a', 'b'] })
    expect(rows).toEqual([[], []])
  })

  it('has a header in every partition', () => {
    const decoder = createDecoder('csv', [column('a', 'integer')], { header: 'true' })
    for (const [partition, text] of [
      ['0', 'a,b'],
      ['0', '1,2'],
      ['1', 'b,a'],
      ['1', '3,4'],
      ['0', '5,6'],
    ]) {
      const bytes = Buffer.from(text)
      decoder.begin(bytes, 'files', partition)
      decoder.record(0, bytes.length, 0, -1, -1, -1)
    }
    expect(finish(decoder).rows).toEqual([[1], [4], [5]])
  })

  it.runIf(existsSync(data)).each([
    ['occupancy-datatraining.csv', 8143],
    ['occupancy-datatest.csv', 2665],
    ['occupancy-datatest2.csv', 9752],
  ])('reads %s, whose header lacks a name', (file, count) => {
    const bytes = readFileSync(data + file)
    const names = [column('date', 'timestamp'), column('CO2', 'double'), column('Occupancy', 'boolean')]
    const decoder = createDecoder('csv', names, {})
    const splitter = new RecordSplitter('csv')
    splitter.push(bytes)
    decoder.begin(splitter.bytes, file, '0')
    for (let i = 0; i < splitter.count; i++) {
      decoder.record(splitter.bounds[2 * i], splitter.bounds[2 * i + 1], i, -1, -1, -1)
    }
    const { rows, reasons } = finish(decoder)
    expect(reasons).toEqual([])
    expect(rows.length).toBe(count)
    const wanted = bytes.toString().split('\n')[1].replaceAll('"', '').trim().split(',')
    expect(rows[0]).toEqual([Date.parse(`${wanted[1]}Z`) * 1000, Number(wanted[5]), wanted[7] === '1'])
  })
})

describe('writing CSV', () => {
  it('quotes only what needs it', () => {
    const schema = { fields: [column('a', 'text'), column('b "x"', 'double')] }
    const encoder = createEncoder('csv', schema)
    expect(Buffer.from(encoder.header ?? []).toString()).toBe('a,"b ""x"""\n')
    const rows = [
      ['plain', 1.5],
      ['with, comma', null],
      ['"q"', -0.001],
      ['', 1e21],
      [null, Number.NaN],
    ]
    const { bytes, offsets, count } = encoder.encode(batchOfRows(schema, rows))
    const lines = Array.from({ length: count }, (_, i) =>
      Buffer.from(bytes.subarray(offsets[i], offsets[i + 1])).toString(),
    )
    expect(lines).toEqual(['plain,1.5', '"with, comma",', '"""q""",-0.001', '"",1e+21', ',NaN'])
    expect(decode('csv', schema.fields, lines).rows).toEqual(rows)
  })
})
