import { byteSize, durationMs, oneOf, type Start, startingPoint, wholeNumber } from '../../src/base/option-parsers.ts'
import type { Option, OptionValues } from '../../src/connector.ts'
import { TOPIC_DEFAULTS, type TopicSpec } from '../../src/log/topics.ts'

export const embeddedOptions: readonly Option[] = [
  { name: 'topic', doc: 'Name of the topic; it is made when it is not there.', parse: text => text, required: true },
  {
    name: 'start',
    doc: "Where reading begins: 'earliest', 'latest' or a time.",
    parse: startingPoint('start'),
    default: 'earliest',
  },
  {
    name: 'partitions',
    doc: 'Partitions of a topic that is made.',
    parse: wholeNumber('partitions', 1, 1024),
    default: '1',
  },
  {
    name: 'retention',
    doc: "How long a topic that is made keeps records, such as '7 days'; for ever if not given.",
    parse: durationMs('retention'),
  },
  {
    name: 'retention_bytes',
    doc: 'Size at which a partition of a topic that is made loses its oldest records; no limit if not given.',
    parse: byteSize('retention_bytes'),
  },
  {
    name: 'cleanup_policy',
    doc: "What a topic that is made does with old records: 'delete' them, or 'compact' to the newest of each key.",
    parse: oneOf('cleanup_policy', ['delete', 'compact']),
    default: 'delete',
  },
  {
    name: 'max_record_bytes',
    doc: 'Largest record a topic that is made takes.',
    parse: byteSize('max_record_bytes'),
    default: '1 MB',
  },
  {
    name: 'delivery',
    doc: "Of a sink: 'exactly_once' (rows appear with the checkpoint) or 'at_least_once' (at once).",
    parse: oneOf('delivery', ['exactly_once', 'at_least_once']),
    default: 'exactly_once',
  },
]

export interface EmbeddedOptions {
  readonly topic: string
  readonly start: Start
  readonly spec: TopicSpec
  readonly delivery: 'exactly_once' | 'at_least_once'
}

/** The door from parsed values to types: each was made by the parser declared above. */
export function toEmbeddedOptions(values: OptionValues): EmbeddedOptions {
  return {
    topic: values.topic as string,
    start: values.start as Start,
    delivery: values.delivery as EmbeddedOptions['delivery'],
    spec: {
      ...TOPIC_DEFAULTS,
      partitions: values.partitions as number,
      retentionMs: values.retention as number | undefined,
      retentionBytes: values.retention_bytes as number | undefined,
      cleanup: values.cleanup_policy as TopicSpec['cleanup'],
      recordBytesMax: values.max_record_bytes as number,
    },
  }
}
