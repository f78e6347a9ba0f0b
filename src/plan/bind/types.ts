import type { TypeName } from '../../../grammar/ast.ts'
import { unreachable } from '../../base/assert.ts'
import { EngineError, nearest, notSupported } from '../../base/errors.ts'
import type { DataType } from '../../batch/types.ts'
import { typeByName } from '../../expr/type-names.ts'

/** The type that a type's name means. 42704 with the nearest names when there is none. */
export function dataTypeOf(type: TypeName): DataType {
  switch (type.kind) {
    case 'named':
      return namedType(type)
    case 'array':
      return { kind: 'array', element: dataTypeOf(type.element) }
    case 'map':
      return { kind: 'map', key: dataTypeOf(type.key), value: dataTypeOf(type.value) }
    case 'row':
      return { kind: 'row', fields: type.fields.map(f => ({ name: f.name, type: dataTypeOf(f.type) })) }
    default:
      return unreachable(type)
  }
}

/** Types we know by name and cannot hold. */
const NOT_YET = new Set(['timetz', 'bit', 'varbit', 'money', 'xml', 'inet', 'cidr', 'point', 'tsvector', 'int4range'])

/** What a misspelt name may have meant. */
const COMMON =
  'boolean smallint integer int bigint real double float numeric decimal text string varchar bytea date time timestamp timestamptz interval uuid jsonb'.split(
    ' ',
  )

function namedType(type: Extract<TypeName, { kind: 'named' }>): DataType {
  const { name, modifiers } = type
  const position = type.at + 1
  const short = name[name.length - 1]
  const builtIn = name.length === 1 || name[0] === 'pg_catalog'
  if (builtIn && NOT_YET.has(short)) throw notSupported(`type ${short}`, position)
  try {
    const found = builtIn ? typeByName(short, modifiers) : undefined
    if (found) return found
  } catch (error) {
    throw error instanceof EngineError ? error.at(position) : error
  }
  const near = nearest(short, COMMON)
  throw new EngineError('42704', `type "${name.join('.')}" does not exist`, {
    position,
    hint: near.length > 0 ? `Perhaps you meant ${near.join(' or ')}.` : undefined,
  })
}
