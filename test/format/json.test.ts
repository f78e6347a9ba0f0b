import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatJson, parseJson } from '../../src/batch/jsonb.ts'
import { createDecoder } from '../../src/format/format.ts'
import { column, decode, feed, finish } from './support.ts'

describe('reading JSON', () => {
  it('reads every type', () => {
    const columns = [
      column('b', 'boolean'),
      column('i', 'integer'),
      column('l', 'bigint'),
      column('d', 'double'),
      column('n', 'numeric'),
      column('s', 'text'),
      column('ts', 'timestamptz'),
      column('day', 'date'),
      column('tod', 'time'),
      column('u', 'uuid'),
      column('j', 'jsonb'),
      column('a', { kind: 'array', element: { kind: 'integer' } }),
      column('deep', 'double', { path: '$.x.y[1].z' }),
    ]
    const record = `{"b":true,"i":-7,"l":9223372036854775807,"d":1e-7,"n":12.50,"s":"x\\u00e9\\ud83d\\ude00",
      "ts":"2026-01-02T03:04:05.678+01:00","day":"2026-01-02","tod":"03:04:05.5","u":"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
      "j":{"bb":1e2,"a":[1,2.50,null]},"a":[1,null,3],"x":{"y":[{},{"z":3}]}}`
    expect(decode('json', columns, [record])).toEqual({
      reasons: [],
      rows: [
        [
          true,
          -7,
          9223372036854775807n,
          1e-7,
          { unscaled: 1250n, scale: 2 },
          'xé😀',
          Date.parse('2026-01-02T02:04:05.678Z') * 1000,
          20455,
          11045500000,
          'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
          '{"a": [1, 2.50, null], "bb": 100}',
          [1, null, 3],
          3,
        ],
      ],
    })
  })

  it('says what is wrong and where', () => {
    const columns = [column('id', 'integer'), column('t', 'double'), column('s', 'text')]
    const { rows, reasons } = decode('json', columns, [
      '{"id":1.5}',
      '{"id":99999999999}',
      '{"t":{"a":1}}',
      '{"s":"a\\u0000"}',
      '{"s":"\\ud800"}',
      '{"id":',
      '[1]',
      '{"id":1} x',
      '{"t":NaN}',
      '',
      '{"t":1e999}',
      Buffer.from([0x7b, 0x22, 0x73, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d]),
      `{"x":${'['.repeat(1000)}${']'.repeat(1000)}}`,
    ])
    expect(rows).toEqual([])
    expect(reasons).toEqual([
      'column "id": "1.5" is no valid integer',
      'column "id": 99999999999 is out of range for type integer',
      'column "t": expected double precision, found an object {"a":1}',
      'text cannot hold the character NUL',
      'invalid JSON at byte 6: half a surrogate pair',
      'invalid JSON at byte 6: unexpected end',
      'expected a JSON object, found an array',
      'invalid JSON at byte 9: nothing expected after the value',
      'invalid JSON at byte 5: value expected',
      'empty record',
      'column "t": 1e999 is out of range for type double precision',
      'invalid JSON at byte 6: invalid UTF-8',
      'JSON is nested more than 512 deep',
    ])
  })

  it('takes numbers as strings, and text from numbers and booleans', () => {
    const { rows } = decode(
      'json',
      [column('t', 'double'), column('s', 'text')],
      ['{"t":"  409.0 ","s":12.50}', '{"t":"NaN","s":true}'],
    )
    expect(rows).toEqual([
      [409, '12.50'],
      [Number.NaN, 'true'],
    ])
  })

  it('reads times as the column says', () => {
    const at = Date.parse('2023-02-07T14:40:01Z') * 1000
    const cases: [string | undefined, string, number][] = [
      [undefined, '1675780801000', at],
      [undefined, '"1675780801000"', at],
      [undefined, '1675780801.25', at + 250000],
      [undefined, '"2023-02-07 14:40:01"', at],
      [undefined, '"2023-02-07T15:40:01+0100"', at],
      ['epoch_s', '1675780801', at],
      ['epoch_s', '"1675780801.2332714"', at + 233271],
      ['epoch_us', '1675780801000001', at + 1],
      ['epoch_s', '"2023-02-07T14:40:01Z"', at],
      ['epoch_ns', '1675780801000001500', at + 2],
      ['MM/dd/yyyy HH:mm:ss', '"02/07/2023 14:40:01"', at],
      ['DD.MM.YYYY HH24:MI:SS', '"07.02.2023 14:40:01"', at],
      ['yyyyMMddHHmmss', '"20230207144001"', at],
    ]
    for (const [timeFormat, value, expected] of cases) {
      const { rows, reasons } = decode('json', [column('ts', 'timestamptz', { timeFormat })], [`{"ts":${value}}`])
      expect([timeFormat, value, reasons, rows]).toEqual([timeFormat, value, [], [[expected]]])
    }
  })

  it('prefers an exact key to one in another case, and the last of equal ones', () => {
    const { rows } = decode(
      'json',
      [column('deviceid', 'text')],
      [
        '{"deviceId":"loose"}',
        '{"deviceId":"loose","deviceid":"exact"}',
        '{"deviceid":"exact","deviceId":"loose"}',
        '{"deviceid":"first","deviceid":"last"}',
        '{"device\\u0069d":"escaped"}',
      ],
    )
    expect(rows).toEqual([['loose'], ['exact'], ['exact'], ['last'], ['escaped']])
  })

  it('copies text when the bytes change under it', () => {
    const decoder = createDecoder('json', [column('s', 'text')])
    for (const text of ['one', 'tw\\u006f', 'three']) feed(decoder, [`{"s":"${text}"}`, '{"s":"same"}'])
    expect(finish(decoder).rows).toEqual([['one'], ['same'], ['two'], ['same'], ['three'], ['same']])
    feed(decoder, ['{"s":"next"}', '{}', '{"s":null}'])
    expect(finish(decoder).rows).toEqual([['next'], [null], [null]])
    feed(decoder, ['{"s":"a"}', '{"s":"b"}'])
    expect(finish(decoder).rows).toEqual([['a'], ['b']])
  })

  it('writes jsonb as a cast of text to jsonb does', () => {
    const values = fc.jsonValue({ maxDepth: 4, noUnicodeString: false }).map(v => JSON.stringify(v, undefined, 1))
    fc.assert(
      fc.property(values, text => {
        if (text.includes('\\u0000') || /\\ud[89a-f]/i.test(text)) return
        const { rows } = decode('json', [column('j', 'jsonb')], [`{"j":${text}}`])
        expect(rows).toEqual([[text === 'null' ? null : formatJson(parseJson(text))]])
      }),
      { numRuns: 120 },
    )
  })

  it('never fails otherwise than with a bad record', () => {
    const decoder = createDecoder('json', [column('a', 'double'), column('b', 'text'), column('c', 'jsonb')])
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.string({ unit: fc.constantFrom(...'{}[]":,abc\\u0019.eE+- tfn'), maxLength: 40 }).map(s => Buffer.from(s)),
    )
    fc.assert(
      fc.property(bytes, record => {
        feed(decoder, [record])
        const { rows, reasons } = finish(decoder)
        expect(rows.length + reasons.length).toBe(1)
      }),
      { numRuns: 1000 },
    )
  })
})
