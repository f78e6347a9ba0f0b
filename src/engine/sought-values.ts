import { ColumnBuilder } from '../batch/builder.ts'
import { type DataType, storageOf } from '../batch/types.ts'
import type { Expr } from '../expr/expr.ts'
import type { Scan } from '../plan/logical.ts'
import type { Equals } from '../state/row-store.ts'

/** What a scan's predicate says of its columns by `column = constant`, by the relation's columns: rows without need not be looked at. */
export function soughtValues({ predicate, columns }: Scan): Equals[] {
  return conjuncts(predicate).flatMap(term => {
    if (term.kind !== 'call' || term.name !== '=') return []
    const [left, right] = term.args
    return [...sought(left, right), ...sought(right, left)].map(({ column, value }) => ({
      column: columns[column],
      value,
    }))
  })
}

function conjuncts(expr: Expr | undefined): readonly Expr[] {
  if (!expr) return []
  return expr.kind === 'and' ? expr.args.flatMap(conjuncts) : [expr]
}

function sought(column: Expr, constant: Expr): Equals[] {
  if (column.kind !== 'column' || constant.kind !== 'literal' || constant.value === null) return []
  if (column.type.kind !== constant.type.kind || !isEqualByBytes(column.type)) return []
  const builder = new ColumnBuilder(constant.type, 1)
  builder.append(constant.value)
  return [{ column: column.index, value: builder.finish() }]
}

/** Equal in SQL just where it is the same bytes. Of doubles, for one, zero has two forms; they are left to the predicate. */
function isEqualByBytes(type: DataType): boolean {
  const storage = storageOf(type)
  return storage === 'int32' || storage === 'int64' || (storage === 'utf8' && type.kind !== 'jsonb')
}
