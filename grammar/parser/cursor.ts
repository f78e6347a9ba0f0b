import { EngineError, nearest } from '../../src/base/errors.ts'
import type { Name } from '../ast.ts'
import { syntaxError } from '../errors.ts'
import { isColumnName, isFunctionName, keywords } from '../keywords.ts'
import type { Token } from '../lexer.ts'

/**
 * How deep syntax may nest. A level of parentheses takes six frames of the parser, of subqueries twelve, and binder and printer
 * take about as much again: this many levels need a quarter of the smallest stack we run on (984 kB). Nobody writes a tenth of it.
 */
export const DEPTH_MAX = 400

/** Words that are easily taken for an alias when they are misspelt. */
const clauses =
  'FROM WHERE GROUP HAVING ORDER LIMIT OFFSET UNION INTERSECT EXCEPT JOIN WINDOW VALUES SELECT SET WITH EMIT'.split(' ')

/** A place in a list of tokens, and the ways to go on from it. All parsing functions take one. */
export class Cursor {
  readonly sql: string
  /** The token to read next. */
  token: Token
  readonly #tokens: readonly Token[]
  #position = 0
  #depth = 0
  /** While an error is being explained: the place of the error, and what would have been accepted there. */
  readonly #explained: number
  readonly #acceptable = new Set<string>()
  readonly #acceptableBefore = new Set<string>()

  constructor(sql: string, tokens: readonly Token[], explained = -1) {
    this.sql = sql
    this.#tokens = tokens
    this.#explained = explained
    this.token = tokens[0]
    if (this.token.kind === 'error') this.fail('')
  }

  get position(): number {
    return this.#position
  }

  get atEnd(): boolean {
    return this.token.kind === 'end'
  }

  /** Returns the token and steps behind it. */
  next(): Token {
    const token = this.token
    if (token.kind === 'end') return token
    this.token = this.#tokens[++this.#position]
    if (this.token.kind === 'error') this.fail('')
    return token
  }

  /** The token `count` behind the one to read next. */
  peek(count = 1): Token {
    return this.#tokens[Math.min(this.#position + count, this.#tokens.length - 1)]
  }

  /** Goes back to an earlier `position`. */
  rewind(position: number): void {
    this.#position = position
    this.token = this.#tokens[position]
  }

  /** The end of the last token read. */
  get end(): number {
    return this.#position === 0 ? 0 : this.#tokens[this.#position - 1].end
  }

  is(word: string): boolean {
    if (this.#explained >= 0) this.#note(word.toUpperCase())
    return this.token.kind === 'word' && this.token.text === word
  }

  isOp(op: string): boolean {
    if (this.#explained >= 0) this.#note(`"${op}"`)
    return this.token.kind === 'op' && this.token.text === op
  }

  /** Whether these words come next. */
  are(first: string, second: string): boolean {
    if (!this.is(first)) return false
    const after = this.peek()
    return after.kind === 'word' && after.text === second
  }

  /** Steps over the word if it is next. */
  accept(word: string): boolean {
    if (!this.is(word)) return false
    this.next()
    return true
  }

  /** Steps over all of the words or none. */
  acceptAll(first: string, ...rest: readonly string[]): boolean {
    if (!this.is(first)) return false
    for (let i = 0; i < rest.length; i++) {
      const token = this.peek(i + 1)
      if (token.kind !== 'word' || token.text !== rest[i]) return false
    }
    for (let i = 0; i <= rest.length; i++) this.next()
    return true
  }

  acceptOp(op: string): boolean {
    if (!this.isOp(op)) return false
    this.next()
    return true
  }

  /** Takes one character off an operator: the lexer reads the end of `MAP<a, ARRAY<b>>` as one. */
  expectOpStart(character: string): void {
    const { kind, text, at, end } = this.token
    if (kind !== 'op' || text[0] !== character) this.fail(`"${character}"`)
    if (text.length === 1) this.next()
    else this.token = { kind, text: text.slice(1), at: at + 1, end }
  }

  expect(word: string): Token {
    if (!this.is(word)) this.fail(word.toUpperCase())
    return this.next()
  }

  expectOp(op: string): Token {
    if (!this.isOp(op)) this.fail(`"${op}"`)
    return this.next()
  }

  /** One of the words, which it returns. */
  expectOne<W extends string>(words: readonly W[]): W {
    for (const word of words) if (this.accept(word)) return word
    return this.fail(words.map(word => word.toUpperCase()).join(' or '))
  }

  /** `item, item, …` */
  list<T>(item: () => T): T[] {
    const items = [item()]
    while (this.acceptOp(',')) items.push(item())
    return items
  }

  /** `(item, …)` */
  parenthesized<T>(item: () => T): T[] {
    this.expectOp('(')
    const items = this.list(item)
    this.expectOp(')')
    return items
  }

  /** Whether the token may name a column, table or such: Postgres' ColId. */
  isName(token = this.token): boolean {
    return token.kind === 'quoted' || (token.kind === 'word' && isColumnName(token.text))
  }

  /** A name of a column, table or such. */
  name(expected = 'a name'): string {
    if (!this.isName()) this.fail(expected)
    return this.next().text
  }

  /** A name where every keyword is allowed: after AS or a dot. */
  label(expected = 'a name'): string {
    if (this.token.kind !== 'quoted' && this.token.kind !== 'word') this.fail(expected)
    return this.next().text
  }

  /** Whether the token may name a function or type. */
  isFunction(token = this.token): boolean {
    return token.kind === 'quoted' || (token.kind === 'word' && isFunctionName(token.text))
  }

  /** `a`, `a.b.c`. */
  qualifiedName(expected = 'a name'): Name {
    const parts = [this.name(expected)]
    while (this.acceptOp('.')) parts.push(this.label())
    return parts
  }

  string(expected = 'a string'): string {
    if (this.token.kind !== 'string') this.fail(expected)
    return this.next().text
  }

  /** A whole number without sign. */
  integer(expected = 'a whole number'): number {
    if (this.token.kind !== 'number' || !/^[0-9_]+$/.test(this.token.text)) this.fail(expected)
    return Number(this.next().text.replaceAll('_', ''))
  }

  /** A whole number, perhaps with a sign. */
  signedInteger(expected = 'a whole number'): number {
    if (this.acceptOp('-')) return -this.integer(expected)
    this.acceptOp('+')
    return this.integer(expected)
  }

  /** Runs `parse` one level deeper; 54001 where the limit is reached. */
  deeper<T>(parse: () => T): T {
    this.enter()
    const result = parse()
    this.leave()
    return result
  }

  /** The same without a function to call. */
  enter(): void {
    if (++this.#depth <= DEPTH_MAX) return
    throw new EngineError('54001', `statement nests deeper than ${DEPTH_MAX} levels`, {
      position: this.token.at + 1,
      hint: 'Split it with WITH, or create views for its parts.',
    })
  }

  leave(): void {
    this.#depth--
  }

  /** 42601 at the token to read next, or what the lexer found wrong there. `expected` as it stands in the message. */
  fail(expected: string, at = this.#position): never {
    const token = this.#tokens[at]
    if (token.error !== undefined) throw token.error
    throw new Unexpected(token, at, expected)
  }

  /** 42601 at an offset, for what is well-formed and still no SQL. */
  refuse(message: string, at: number, hint?: string): never {
    throw syntaxError(at, message, hint)
  }

  /** The error for a failure at the explained place. */
  explain(failure: Unexpected): EngineError {
    const { token, expected } = failure
    const what = token.kind === 'end' ? 'end of input' : `"${this.sql.slice(token.at, token.end)}"`
    const place = token.kind === 'end' ? 'at end of input' : `at or near ${what}`
    const words = [...this.#acceptable]
    const list = expected !== '' ? expected : words.length > 0 && words.length <= 6 ? words.join(', ') : ''
    return syntaxError(token.at, `syntax error ${place}${list && `, expected ${list}`}`, this.#hint(failure))
  }

  #hint({ token, at, expected }: Unexpected): string | undefined {
    const near = (wrong: Token, known: Iterable<string>): string | undefined =>
      wrong.kind === 'word' ? nearest(wrong.text, known).find(word => word.toLowerCase() !== wrong.text) : undefined
    const here = near(token, [...this.#acceptable, ...expected.split(/[ ,]+/).filter(word => /^[A-Z]+$/.test(word))])
    if (here !== undefined) return `Perhaps you meant ${here}.`
    // A keyword before the place was read as one; only a name may be a misspelt one.
    const named = at > 0 && !keywords.has(this.#tokens[at - 1].text)
    const before = named ? near(this.#tokens[at - 1], [...this.#acceptableBefore, ...clauses]) : undefined
    if (before !== undefined) return `Perhaps you meant ${before} instead of "${this.#tokens[at - 1].text}".`
    if (token.kind === 'word' && !isColumnName(token.text) && expected.includes('name'))
      return `"${token.text}" is a reserved word; as a name it is written "${token.text}" in double quotes.`
    return undefined
  }

  #note(candidate: string): void {
    if (this.#position === this.#explained) this.#acceptable.add(candidate)
    else if (this.#position === this.#explained - 1) this.#acceptableBefore.add(candidate)
  }
}

/** Thrown inside the parser where a token does not fit; parse.ts turns it into the error that clients see. */
export class Unexpected extends Error {
  readonly token: Token
  readonly at: number
  readonly expected: string

  constructor(token: Token, at: number, expected: string) {
    super(expected)
    this.token = token
    this.at = at
    this.expected = expected
  }
}
