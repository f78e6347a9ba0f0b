import { expect, test } from 'vitest'
import { TestEngine } from '../support/engine.ts'

// A cancelled FETCH went on waiting inside, took the next batch when it came, and gave it to nobody.
test('a FETCH that is cancelled while it waits takes nothing from the next one', async () => {
  const engine = new TestEngine()
  await engine.query(`CREATE SOURCE s (n int); CREATE MATERIALIZED VIEW v AS SELECT n FROM s;
    DECLARE c CURSOR WITH HOLD FOR SUBSCRIBE v`)
  const session = await engine.session()
  for (let n = 1; n <= 3; n++) {
    const waiting = engine.query(`FETCH ALL FROM c WITH (timeout = '1 hour')`)
    const refused = expect(waiting).rejects.toMatchObject({ sqlState: '57014' })
    await new Promise(setImmediate)
    session.cancel()
    await refused
    await engine.query(`INSERT INTO s VALUES (${n})`)
    const rows = await engine.query(`FETCH 1 FROM c WITH (timeout = '1 hour')`)
    expect(rows.map(([, ...row]) => row)).toEqual([['1', `${n}`]])
  }
})
