import type { Expr } from '../ast.ts'
import type { GroupBy, GroupItem, Query, Select, TableRef, WindowTable } from '../query.ts'
import type { Cursor } from './cursor.ts'
import { parseExpression } from './expression.ts'
import { parseTablePrimary } from './from.ts'

type WindowFunction = WindowTable['function']
/** Arguments by name, however they were given. */
type Part = 'time' | 'size' | 'slide' | 'gap' | 'offset' | 'grace' | 'retention'

const parts: Readonly<Record<WindowFunction, readonly Part[]>> = {
  tumble: ['time', 'size', 'offset'],
  hop: ['time', 'slide', 'size', 'offset'],
  cumulate: ['time', 'slide', 'size', 'offset'],
  session: ['time', 'gap'],
}
/** Names of arguments: ours and Flink's. */
const partNames: ReadonlyMap<string, Part> = new Map([
  ['time', 'time'],
  ['timecol', 'time'],
  ['size', 'size'],
  ['slide', 'slide'],
  ['step', 'slide'],
  ['gap', 'gap'],
  ['offset', 'offset'],
  ['grace', 'grace'],
  ['retention', 'retention'],
])

function windowFunction(word: string): WindowFunction | undefined {
  return word === 'tumble' || word === 'hop' || word === 'session' || word === 'cumulate' ? word : undefined
}

/** Whether TUMBLE(, HOP(, SESSION( or CUMULATE( comes next. */
export function startsWindowTable(cursor: Cursor): boolean {
  if (cursor.token.kind !== 'word' || windowFunction(cursor.token.text) === undefined) return false
  return cursor.peek().kind === 'op' && cursor.peek().text === '('
}

/** `TUMBLE(t, ts, size)` and its relatives, in our and Flink's spelling, with arguments by place or name. */
export function parseWindowTable(cursor: Cursor): WindowTable {
  const { text, at } = cursor.next()
  const name = windowFunction(text) ?? 'tumble'
  cursor.expectOp('(')
  if (isNamed(cursor)) {
    cursor.expect('data')
    cursor.next()
  }
  if (cursor.is('table') && cursor.peek().text !== '(') cursor.next()
  const input = parseTablePrimary(cursor)
  const positional: Expr[] = []
  const given = new Map<Part, Expr>()
  let described = -1
  const argument = (): void => {
    if (isNamed(cursor)) {
      const part = partNames.get(cursor.token.text)
      if (part === undefined) cursor.fail('TIMECOL, SIZE, SLIDE, STEP, GAP or OFFSET')
      cursor.next()
      cursor.next()
      if (part !== undefined) given.set(part, parseWindowArgument(cursor))
      return
    }
    if (isDescriptor(cursor)) described = positional.length
    positional.push(parseWindowArgument(cursor))
  }
  const partitioned = cursor.acceptAll('partition', 'by')
  if (partitioned) argument()
  while (cursor.acceptOp(',')) argument()
  cursor.expectOp(')')
  // SESSION(t PARTITION BY a, b, ts, gap): the last two are time and gap unless DESCRIPTOR or names say more.
  const keys = !partitioned ? 0 : described >= 0 ? described : positional.length - (given.size > 0 ? 0 : 2)
  const partitionBy = positional
    .slice(0, Math.max(keys, 0))
    .flatMap(expr => (expr.kind === 'row' ? expr.fields : [expr]))
  for (const [i, expr] of positional.slice(Math.max(keys, 0)).entries()) {
    const part = parts[name][i]
    if (part === undefined) cursor.refuse(`${name} takes ${parts[name].join(', ')}`, expr.at)
    given.set(part, expr)
  }
  const needed = name === 'session' ? 'gap' : 'size'
  if (!given.has(needed)) cursor.refuse(`${name} needs its ${needed}`, at, `${name}(t, ${parts[name].join(', ')})`)
  return { kind: 'window', function: name, input, ...Object.fromEntries(given), partitionBy, at }
}

function isNamed(cursor: Cursor): boolean {
  return cursor.peek().kind === 'op' && cursor.peek().text === '=>'
}

function isDescriptor(cursor: Cursor): boolean {
  return cursor.is('descriptor') && cursor.peek().text === '('
}

function parseWindowArgument(cursor: Cursor): Expr {
  if (!isDescriptor(cursor)) return parseExpression(cursor)
  cursor.next()
  return cursor.parenthesized(() => parseExpression(cursor))[0]
}

/** ksqlDB's `5 MINUTES`, or any expression in its place. */
export function parseDuration(cursor: Cursor): Expr {
  const { kind, text, at } = cursor.token
  const unit = cursor.peek()
  if (kind !== 'number' || unit.kind !== 'word') return parseExpression(cursor)
  cursor.next()
  cursor.next()
  if (!/^(millisecond|second|minute|hour|day|week|month|year)s?$/.test(unit.text))
    cursor.refuse(
      `"${unit.text}" is not a unit of time`,
      unit.at,
      'There are MILLISECONDS, SECONDS, MINUTES, HOURS, DAYS.',
    )
  const arg: Expr = { kind: 'string', value: `${text} ${unit.text}`, at }
  return { kind: 'cast', arg, type: { kind: 'named', name: ['interval'], modifiers: [], at: unit.at }, at }
}

const ksqlFunctions: ReadonlyMap<string, WindowFunction> = new Map([
  ['tumbling', 'tumble'],
  ['hopping', 'hop'],
  ['session', 'session'],
])

/** ksqlDB's `WINDOW TUMBLING (SIZE 5 MINUTES)` behind FROM, as a window over what stands there. */
export function parseTrailingWindow(cursor: Cursor, from: readonly TableRef[]): WindowTable | undefined {
  if (!cursor.is('window') || cursor.peek(2).text !== '(') return undefined
  const name = ksqlFunctions.get(cursor.peek().text)
  if (name === undefined) return undefined
  const { at } = cursor.next()
  cursor.next()
  const given = new Map<Part, Expr>()
  cursor.parenthesized(() => {
    if (cursor.accept('size')) given.set('size', parseDuration(cursor))
    else if (cursor.acceptAll('advance', 'by')) given.set('slide', parseDuration(cursor))
    else if (cursor.accept('retention')) given.set('retention', parseDuration(cursor))
    else if (cursor.acceptAll('grace', 'period')) given.set('grace', parseDuration(cursor))
    else if (name === 'session' && cursor.token.kind === 'number') given.set('gap', parseDuration(cursor))
    else cursor.fail('SIZE, ADVANCE BY, RETENTION or GRACE PERIOD')
  })
  const needed = name === 'session' ? 'gap' : 'size'
  if (!given.has(needed) || from.length === 0) cursor.refuse(`the window needs its ${needed}`, at)
  if (name === 'hop' && !given.has('slide')) cursor.refuse('a hopping window needs ADVANCE BY', at)
  return { kind: 'window', function: name, input: crossed(from), ...Object.fromEntries(given), partitionBy: [], at }
}

/**
 * ksqlDB's sessions are those of its GROUP BY, and of the rows that pass its WHERE: other windows do not depend on which rows there are.
 */
export function sessionsOfGroups(
  window: WindowTable,
  where: Expr | undefined,
  groupBy: GroupBy | undefined,
): WindowTable {
  const { input, at } = window
  const partitionBy = (groupBy?.items ?? []).flatMap(item =>
    item.kind === 'expr' && !isBound(item.expr) ? [item.expr] : [],
  )
  if (where === undefined) return { ...window, partitionBy }
  const name = input.kind === 'table' ? (input.alias?.name ?? input.name.at(-1)) : undefined
  const body: Select = {
    kind: 'select',
    items: [{ expr: { kind: 'star', qualifier: [], at }, at }],
    from: [input],
    where,
    windows: [],
    at,
  }
  const query: Query = { kind: 'query', body, orderBy: [], withTies: false, locking: [], at }
  const filtered: TableRef = {
    kind: 'subquery',
    query,
    lateral: false,
    alias: { name: name ?? 'input', columns: [] },
    at,
  }
  return { ...window, input: filtered, partitionBy }
}

function isBound(expr: Expr): boolean {
  return expr.kind === 'column' && (expr.name.at(-1) === 'window_start' || expr.name.at(-1) === 'window_end')
}

/**
 * Brings windows that group by themselves into the common form: GROUP BY window(ts, size [, slide [, offset]]) becomes a window in
 * FROM, and it and ksqlDB's get window_start and window_end among the keys.
 */
export function takeWindowGroups(
  cursor: Cursor,
  from: readonly TableRef[],
  groupBy: GroupBy | undefined,
  ksql: boolean,
): { from: readonly TableRef[]; groupBy: GroupBy | undefined } {
  if (groupBy === undefined) return { from, groupBy }
  const index = groupBy.items.findIndex(item => item.kind === 'expr' && isWindowCall(item.expr))
  if (index < 0) return { from, groupBy: ksql ? { ...groupBy, items: withBounds(groupBy.items, 0) } : groupBy }
  const item = groupBy.items[index]
  if (item.kind !== 'expr' || item.expr.kind !== 'call') return { from, groupBy }
  const { args, at } = item.expr
  if (args.length < 2 || args.length > 4 || from.length === 0)
    cursor.refuse('window takes a time column, a size and, if it hops, a slide', at, "GROUP BY window(ts, '5 minutes')")
  const [time, size, slide, offset] = args
  const name = slide === undefined ? 'tumble' : 'hop'
  const window: TableRef = {
    kind: 'window',
    function: name,
    input: crossed(from),
    time,
    size,
    slide,
    offset,
    partitionBy: [],
    at,
  }
  const items = groupBy.items.filter((_, i) => i !== index)
  return { from: [window], groupBy: { ...groupBy, items: withBounds(items, index) } }
}

function isWindowCall(expr: Expr): boolean {
  return expr.kind === 'call' && expr.name.length === 1 && expr.name[0] === 'window'
}

/** The keys with window_start and window_end at `index`, unless they are there. */
function withBounds(items: readonly GroupItem[], index: number): GroupItem[] {
  const missing = ['window_start', 'window_end'].filter(
    name => !items.some(item => item.kind === 'expr' && item.expr.kind === 'column' && item.expr.name.at(-1) === name),
  )
  const bounds = missing.map((name): GroupItem => ({ kind: 'expr', expr: { kind: 'column', name: [name], at: 0 } }))
  return items.toSpliced(index, 0, ...bounds)
}

/** Comma-separated tables as one. */
function crossed(from: readonly TableRef[]): TableRef {
  return from.reduce((left, right) => ({
    kind: 'join',
    type: 'cross',
    natural: false,
    asof: false,
    left,
    right,
    at: right.at,
  }))
}
