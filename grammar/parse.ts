import type { EngineError } from '../src/base/errors.ts'
import type { Expr, TypeName } from './ast.ts'
import { type Token, tokenize } from './lexer.ts'
import { Cursor, Unexpected } from './parser/cursor.ts'
import { parseExpression as expression } from './parser/expression.ts'
import { parseStatement as statement } from './parser/statement.ts'
import { parseTypeName as typeName } from './parser/type-name.ts'
import type { Statement } from './statements.ts'

/** One statement of a script. `sql` is its text without the semicolon, which begins at `offset`; the AST's `at` count from the script's start. */
export interface ParsedStatement {
  readonly ast: Statement
  readonly sql: string
  readonly offset: number
}

/** Parses statements between semicolons; empty ones are left out. Throws EngineError 42601 or 54001 with a position in the whole text. */
export function parseScript(sql: string): ParsedStatement[] {
  return run(sql, cursor => {
    const parsed: ParsedStatement[] = []
    while (true) {
      while (cursor.acceptOp(';'));
      if (cursor.atEnd) return parsed
      const offset = cursor.token.at
      const ast = statement(cursor)
      if (!cursor.atEnd && !cursor.isOp(';')) cursor.fail('the end of the statement')
      parsed.push({ ast, sql: sql.slice(offset, cursor.end), offset })
    }
  })
}

/** Cuts a script at its semicolons without parsing it, so that an error in one statement hides none of another. Empty pieces are left out. */
export function splitScript(sql: string): { readonly sql: string; readonly offset: number }[] {
  const pieces: { sql: string; offset: number }[] = []
  let first: Token | undefined
  for (const token of tokenize(sql)) {
    const ends = token.kind === 'end' || token.kind === 'error' || (token.kind === 'op' && token.text === ';')
    if (token.kind === 'error') first ??= token
    if (!ends) first ??= token
    else if (first) {
      const end = token.kind === 'error' ? sql.length : token.at
      pieces.push({ sql: sql.slice(first.at, end), offset: first.at })
      first = undefined
    }
  }
  return pieces
}

/** Whether what was typed so far ends with a semicolon that is no part of a string, name or comment; also where it can never become a statement. */
export function endsStatement(sql: string): boolean {
  const tokens = tokenize(sql)
  const [before, last] = tokens.slice(-2)
  if (tokens.at(-1)?.kind === 'error') return !tokens.at(-1)?.error?.message.startsWith('unterminated')
  return last !== undefined && before.kind === 'op' && before.text === ';'
}

/** Parses a text that is one expression. */
export function parseExpression(sql: string): Expr {
  return run(sql, cursor => whole(cursor, expression(cursor)))
}

/** Parses a text that is one type, as `numeric(10, 2)[]`. */
export function parseTypeName(sql: string): TypeName {
  return run(sql, cursor => whole(cursor, typeName(cursor)))
}

function whole<T>(cursor: Cursor, result: T): T {
  if (!cursor.atEnd) cursor.fail('')
  return result
}

function run<T>(sql: string, parse: (cursor: Cursor) => T): T {
  const tokens = tokenize(sql)
  try {
    return parse(new Cursor(sql, tokens))
  } catch (error) {
    throw error instanceof Unexpected ? explain(sql, tokens, error, parse) : error
  }
}

/** Parses once more, noting what would have been accepted at the place of the error, so that parsing without errors notes nothing. */
function explain<T>(
  sql: string,
  tokens: readonly Token[],
  failure: Unexpected,
  parse: (cursor: Cursor) => T,
): EngineError {
  const cursor = new Cursor(sql, tokens, failure.at)
  try {
    parse(cursor)
  } catch (error) {
    if (!(error instanceof Unexpected)) throw error
  }
  return cursor.explain(failure)
}
