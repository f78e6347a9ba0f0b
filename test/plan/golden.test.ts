import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Definitions } from './harness.ts'

const folder = new URL('.', import.meta.url)

for (const file of readdirSync(folder).filter(name => name.endsWith('.sql'))) {
  test(`plans of ${file}`, () => {
    const got = new Definitions().run(readFileSync(new URL(file, folder), 'utf8')).join('\n')
    const golden = new URL(file.replace(/sql$/, 'plan'), folder)
    if (process.env.ACCEPT === '1') writeFileSync(golden, got)
    expect(got).toBe(readFileSync(golden, 'utf8'))
  })
}
