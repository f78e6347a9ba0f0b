import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { realServer, required } from './support.ts'

const VERSION = '42.7.14'
const jars = join(import.meta.dirname, '../../.work/jars')
const jar = join(jars, `postgresql-${VERSION}.jar`)
const runs = (program: string): boolean => spawnSync(program, ['--version']).status === 0
const present = required('Java or Maven, for pgjdbc,', runs('java') && (existsSync(jar) || runs('mvn')))

describe.skipIf(!present)('pgjdbc', () => {
  const server = realServer()
  beforeAll(() => {
    if (existsSync(jar)) return
    const artifact = `-Dartifact=org.postgresql:postgresql:${VERSION}`
    execFileSync('mvn', ['-q', '-B', 'dependency:copy', artifact, `-DoutputDirectory=${jars}`])
  })

  test.each(['extended', 'simple'])('metadata, types in text and binary, portals, cancel: %s mode', async mode => {
    const url = `jdbc:postgresql://127.0.0.1:${server.port}/tidemark?user=tidemark&preferQueryMode=${mode}`
    const { stdout } = await promisify(execFile)('java', ['-cp', jar, join(import.meta.dirname, 'Check.java'), url])
    const values =
      '9007199254740993 20.875 -12345.6700 Grüße [0, -1] 2026-07-08 2026-07-08T12:00:00.123456Z [1, null, 3]'
    expect(stdout.trim().split('\n')).toEqual([
      'version 15',
      'tables /averages/MATERIALIZED VIEW /sensors/TABLE /latest/VIEW',
      'columns /device_id/text/2147483647/0/12 /ts/timestamptz/35/6/93 /value/numeric/10/2/2',
      'keys',
      'indexes /device_id /window_start',
      'schemas /information_schema /pg_catalog /public /tidemark',
      expect.stringMatching(/^types .*MATERIALIZED VIEW/),
      'imported',
      ...[1, 2, 3, 4, 5, 6, 7].map(run => `run${run} true -${run} ${values}`),
      'fetched 4 26.25',
      'cancelled 57014',
      'error 42P01',
    ])
  })
})
