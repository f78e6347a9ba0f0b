import type { Call, Expr, Frame, FrameBound, Name, OrderItem, WindowSpec } from '../ast.ts'
import type { Cursor } from './cursor.ts'
import { parseAnyOperator, parseExpression } from './expression.ts'

/** A call from its opening parenthesis on, with FILTER, WITHIN GROUP and OVER behind it. */
export function parseCall(cursor: Cursor, name: Name, at: number): Call {
  let called = name
  cursor.expectOp('(')
  const star = cursor.acceptOp('*')
  let distinct = false
  let variadic = false
  let orderBy: OrderItem[] = []
  const args: Expr[] = []
  if (!star && !cursor.isOp(')')) {
    distinct = cursor.accept('distinct')
    const all = !distinct && cursor.accept('all')
    do {
      if (!distinct && !all && cursor.accept('variadic')) variadic = true
      args.push(parseArgument(cursor))
    } while (!variadic && cursor.acceptOp(','))
    orderBy = parseOrderBy(cursor)
    if (args.length === 1 && ['floor', 'ceil'].includes(name[0]) && cursor.accept('to')) {
      // Flink's FLOOR(ts TO DAY).
      const unit = cursor.token.at
      args.unshift({ kind: 'string', value: cursor.label('a unit such as DAY').toLowerCase(), at: unit })
      called = [`${name[0]}_to`]
    }
  }
  let nulls = parseNullTreatment(cursor)
  cursor.expectOp(')')
  const within = cursor.token.at
  const withinGroup = cursor.are('within', 'group')
  if (withinGroup) {
    cursor.next()
    cursor.next()
    if (orderBy.length > 0) cursor.refuse('cannot use multiple ORDER BY clauses with WITHIN GROUP', within)
    if (distinct) cursor.refuse('cannot use DISTINCT with WITHIN GROUP', within)
    if (variadic) cursor.refuse('cannot use VARIADIC with WITHIN GROUP', within)
    cursor.expectOp('(')
    if (!cursor.is('order')) cursor.fail('ORDER BY')
    orderBy = parseOrderBy(cursor)
    cursor.expectOp(')')
  }
  const filter = parseFilter(cursor)
  nulls ??= parseNullTreatment(cursor)
  return {
    kind: 'call',
    name: called,
    args,
    star,
    distinct,
    variadic,
    orderBy,
    withinGroup,
    filter,
    nulls,
    over: parseOver(cursor),
    at,
  }
}

function parseArgument(cursor: Cursor): Expr {
  const after = cursor.peek()
  if (after.kind === 'op' && (after.text === '=>' || after.text === ':=') && cursor.isFunction()) {
    const { text, at } = cursor.next()
    cursor.next()
    return { kind: 'named-argument', name: text, arg: parseExpression(cursor), at }
  }
  return parseExpression(cursor)
}

function parseFilter(cursor: Cursor): Expr | undefined {
  if (!cursor.is('filter') || cursor.peek().text !== '(') return undefined
  cursor.next()
  cursor.next()
  cursor.expect('where')
  const filter = parseExpression(cursor)
  cursor.expectOp(')')
  return filter
}

function parseNullTreatment(cursor: Cursor): Call['nulls'] {
  if (cursor.acceptAll('ignore', 'nulls')) return 'ignore'
  return cursor.acceptAll('respect', 'nulls') ? 'respect' : undefined
}

function parseOver(cursor: Cursor): Call['over'] {
  if (!cursor.is('over')) return undefined
  const after = cursor.peek()
  if (after.text !== '(' && !cursor.isName(after)) return undefined
  cursor.next()
  return cursor.isOp('(') ? parseWindowSpec(cursor) : cursor.name('a window')
}

/** `(base PARTITION BY … ORDER BY … frame)`. */
export function parseWindowSpec(cursor: Cursor): WindowSpec {
  const { at } = cursor.expectOp('(')
  const { text } = cursor.token
  const clause = /^(partition|range|rows|groups|order)$/.test(text) && cursor.token.kind === 'word'
  const base = !clause && cursor.isName() ? cursor.name() : undefined
  const partitionBy = cursor.acceptAll('partition', 'by') ? cursor.list(() => parseExpression(cursor)) : []
  const orderBy = parseOrderBy(cursor)
  const frame = parseFrame(cursor)
  cursor.expectOp(')')
  return { base, partitionBy, orderBy, frame, at }
}

function parseFrame(cursor: Cursor): Frame | undefined {
  const unit = (['rows', 'range', 'groups'] as const).find(word => cursor.accept(word))
  if (unit === undefined) return undefined
  const { at } = cursor.token
  const between = cursor.accept('between')
  const start = parseBound(cursor)
  if (between) cursor.expect('and')
  const end: FrameBound = between ? parseBound(cursor) : { kind: 'current row' }
  if (start.kind === 'unbounded following') windowing('frame start cannot be UNBOUNDED FOLLOWING')
  if (end.kind === 'unbounded preceding') windowing('frame end cannot be UNBOUNDED PRECEDING')
  if (start.kind === 'current row' && end.kind === 'preceding')
    windowing('frame starting from current row cannot have preceding rows')
  if (start.kind === 'following' && end.kind !== 'following' && end.kind !== 'unbounded following')
    windowing(
      between
        ? `frame starting from following row cannot have ${end.kind === 'preceding' ? 'preceding rows' : 'current row'}`
        : 'frame starting from following row cannot end with current row',
    )
  let exclude: Frame['exclude']
  if (cursor.accept('exclude')) {
    if (cursor.acceptAll('current', 'row')) exclude = 'current row'
    else if (cursor.accept('group')) exclude = 'group'
    else if (cursor.accept('ties')) exclude = 'ties'
    else {
      cursor.expect('no')
      cursor.expect('others')
    }
  }
  return { unit, start, end, exclude }

  function windowing(message: string): never {
    return cursor.refuse(message, at)
  }
}

function parseBound(cursor: Cursor): FrameBound {
  if (cursor.acceptAll('unbounded', 'preceding')) return { kind: 'unbounded preceding' }
  if (cursor.acceptAll('unbounded', 'following')) return { kind: 'unbounded following' }
  if (cursor.acceptAll('current', 'row')) return { kind: 'current row' }
  const offset = parseExpression(cursor)
  return { kind: cursor.expectOne(['preceding', 'following']), offset }
}

/** ORDER BY, or nothing. */
export function parseOrderBy(cursor: Cursor): OrderItem[] {
  if (!cursor.accept('order')) return []
  cursor.expect('by')
  return cursor.list(() => parseOrderItem(cursor))
}

function parseOrderItem(cursor: Cursor): OrderItem {
  const { at } = cursor.token
  const expr = parseExpression(cursor)
  const using = cursor.accept('using') ? parseAnyOperator(cursor).op : undefined
  const descending = using === undefined && cursor.accept('desc')
  if (using === undefined && !descending) cursor.accept('asc')
  const nulls = cursor.accept('nulls') ? cursor.expectOne(['first', 'last']) : undefined
  return { expr, descending, nulls, using, at }
}
