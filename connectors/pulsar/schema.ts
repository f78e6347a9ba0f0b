import type { DataType, Schema } from '../../src/batch/types.ts'

/** Numbers of Schema.Type in PulsarApi.proto. */
export const SchemaType = { none: 0, string: 1, json: 2, protobuf: 3, avro: 4, keyValue: 15 } as const

/** The schema of a topic's values, as the brokers keep it. */
export interface TopicSchema {
  readonly type: number
  /** Of JSON and Avro: a type of Avro's schema language, as JSON. */
  readonly data: string
  /** As messages name it, in hexadecimal digits. */
  readonly version: string
}

/** How columns look in our JSON, in Avro's schema language, as Pulsar wants it for both. Every field may be null. */
export function jsonSchemaText(columns: Schema): string {
  let records = 0
  const avroType = (type: DataType): unknown => {
    switch (type.kind) {
      case 'boolean':
      case 'double':
        return type.kind
      case 'numeric':
        return 'double'
      case 'real':
        return 'float'
      case 'smallint':
      case 'integer':
        return 'int'
      case 'bigint':
        return 'long'
      case 'array':
        return { type: 'array', items: ['null', avroType(type.element)] }
      case 'map':
        return { type: 'map', values: ['null', avroType(type.value)] }
      case 'row':
        return record(`Row${++records}`, type.fields)
      default:
        // Times and bytes are texts in JSON.
        return 'string'
    }
  }
  const record = (name: string, fields: Schema['fields']): unknown => ({
    type: 'record',
    name,
    fields: fields.map(f => ({ name: f.name, type: ['null', avroType(f.type)], default: null })),
  })
  return JSON.stringify(record('Record', columns.fields))
}
