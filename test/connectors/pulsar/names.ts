import { expect, test } from 'vitest'
import { fullTopicName } from '../../../connectors/pulsar/topic-name.ts'

test('topic names are completed, also as FROM pulsar."tenant/namespace".topic has them', () => {
  expect(fullTopicName('t')).toBe('persistent://public/default/t')
  expect(fullTopicName('a.b')).toBe('persistent://public/default/a.b')
  expect(fullTopicName('iot/air/t.1')).toBe('persistent://iot/air/t.1')
  expect(fullTopicName('persistent://iot/air/t')).toBe('persistent://iot/air/t')
  expect(fullTopicName('public/default.iottopic')).toBe('persistent://public/default/iottopic')
  for (const wrong of ['', 'a/b', 'a/b/c/d', 'a//c', 'persistent://t', 'a b'])
    expect(() => fullTopicName(wrong)).toThrow('must be')
})
