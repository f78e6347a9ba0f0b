import { expect, onTestFinished, test } from 'vitest'
import { Alarm } from '../../src/jobs/alarm.ts'
import { ManualClock, yieldTurn } from '../support/manual-clock.ts'

/** Notes when it rings; `next` says what it is rearmed with. */
function create(sleepMsMax: number) {
  const clock = new ManualClock('2026-01-01T00:00:00Z')
  const stop = new AbortController()
  onTestFinished(() => stop.abort())
  const rung: number[] = []
  const state = { next: Number.POSITIVE_INFINITY, hold: Promise.resolve() }
  const alarm = new Alarm({
    clock,
    signal: stop.signal,
    sleepMsMax,
    ring: async () => {
      rung.push(clock.monotonicMs())
      await state.hold
      alarm.rearm(state.next)
      state.next = Number.POSITIVE_INFINITY
    },
  })
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed++) {
      clock.pass(1)
      await yieldTurn()
    }
  }
  return { alarm, rung, state, stop, pass }
}

test('rings at the earliest time asked for, once, and at the latest after its longest sleep', async () => {
  const { alarm, rung, pass } = create(1000)
  alarm.set(500)
  alarm.set(100)
  alarm.set(300)
  await pass(600)
  expect(rung).toEqual([100])
  await pass(1000)
  expect(rung).toEqual([100, 1100])
})

test('a time that has passed rings a millisecond later', async () => {
  const { alarm, rung, pass } = create(1000)
  await pass(10)
  alarm.set(3)
  await pass(5)
  expect(rung).toEqual([11])
})

test('while it rings the owner says what is next, and nobody else', async () => {
  const { alarm, rung, state, pass } = create(1000)
  let go = (): void => {}
  state.hold = new Promise(resolve => {
    go = resolve
  })
  state.next = 50
  alarm.set(10)
  await pass(20)
  alarm.set(30)
  await pass(20)
  expect(rung).toEqual([10])
  go()
  await pass(20)
  expect(rung).toEqual([10, 50])
})

test('stops with its signal', async () => {
  const { alarm, rung, stop, pass } = create(1000)
  alarm.set(10)
  stop.abort()
  await pass(20)
  expect(rung).toEqual([])
})
