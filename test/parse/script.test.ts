import { describe, expect, test } from 'vitest'
import { parseScript } from '../../grammar/parse.ts'

/** As users type them: design section 9. */
const literal = [
  'select max(equivalentco2ppm) as MaxCO2, max(totalvocppb) as MaxVocPPB from topicname;',
  'select * from pulsar."public/default".iottopic;',
  `SELECT * FROM "#" WHERE field = 'valuex'`,
  `CREATE STREAM humidity_readings (device_id VARCHAR, humidity DOUBLE) WITH (kafka_topic='iot.sensor.humidity', value_format='JSON');`,
  'CREATE STREAM high_humidity_alerts AS SELECT * FROM humidity_readings WHERE humidity > 85.0;',
]

describe('scripts', () => {
  test.each(literal)('%s', sql => {
    expect(parseScript(sql)).toHaveLength(1)
  })

  test('statements keep their text and where it begins', () => {
    const parsed = parseScript(' ;select 1 ; -- nothing; here\n values (2);;')
    expect(parsed.map(({ sql, offset }) => ({ sql, offset }))).toEqual([
      { sql: 'select 1', offset: 2 },
      { sql: 'values (2)', offset: 31 },
    ])
  })

  test('an empty script has no statements', () => {
    expect(parseScript(' -- only a comment')).toEqual([])
  })
})
