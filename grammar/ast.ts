import type { Query } from './query.ts'

/**
 * Expressions as written, before names and types are resolved. One tree for all spellings of one meaning: `x::int`
 * and CAST, EXTRACT and its function, TUMBLE and ksqlDB's WINDOW TUMBLING are told apart by nobody after the parser.
 * Queries are in query.ts, statements in statements.ts.
 *
 * `at` is the 0-based offset into the parsed text of what an error about the node should point to: for operators the operator,
 * else the first token. Printing and parsing again gives an equal tree up to `at`.
 *
 * Depth: nested syntax is limited by the parser (54001), but the left side of left-associative chains (`binary`, `and`, `cast`,
 * `subscript`, `join` …) is as deep as the text is long: AND and OR are lists, so are set operations, and whoever recurses on
 * the rest walks `left` in a loop (see `leftSpine`).
 */
export type Expr =
  | { readonly kind: 'null'; readonly at: number }
  | { readonly kind: 'boolean'; readonly value: boolean; readonly at: number }
  /** Digits as a decimal literal without underscores: `1`, `0.5`, `1e5`. 0x, 0o and 0b are converted. Never signed. */
  | { readonly kind: 'number'; readonly text: string; readonly at: number }
  /** Untyped string constant. `date '…'` and INTERVAL '5' MINUTE are casts of one. */
  | { readonly kind: 'string'; readonly value: string; readonly at: number }
  | { readonly kind: 'bit-string'; readonly base: 'b' | 'x'; readonly digits: string; readonly at: number }
  /** `$index`, 1-based. */
  | { readonly kind: 'parameter'; readonly index: number; readonly at: number }
  /** `a`, `t.a`, `s.t.a`; may turn out to be a field of a column. */
  | { readonly kind: 'column'; readonly name: Name; readonly at: number }
  /** `*`, `t.*`. Only where a list of columns is allowed; elsewhere the planner refuses it. */
  | { readonly kind: 'star'; readonly qualifier: Name; readonly at: number }
  /** `(row).*`. */
  | { readonly kind: 'expand'; readonly arg: Expr; readonly at: number }
  | { readonly kind: 'field'; readonly arg: Expr; readonly name: string; readonly at: number }
  | { readonly kind: 'subscript'; readonly arg: Expr; readonly index: Expr; readonly at: number }
  | Slice
  | Unary
  | Binary
  /** At least two args; an AND that begins with an AND is one list, as in Postgres. */
  | { readonly kind: 'and' | 'or'; readonly args: readonly Expr[]; readonly at: number }
  | { readonly kind: 'not'; readonly arg: Expr; readonly at: number }
  | { readonly kind: 'is'; readonly test: IsTest; readonly negated: boolean; readonly arg: Expr; readonly at: number }
  | {
      readonly kind: 'is-distinct'
      readonly negated: boolean
      readonly left: Expr
      readonly right: Expr
      readonly at: number
    }
  | {
      readonly kind: 'in'
      readonly arg: Expr
      readonly list: readonly Expr[]
      readonly negated: boolean
      readonly at: number
    }
  | {
      readonly kind: 'in-query'
      readonly arg: Expr
      readonly query: Query
      readonly negated: boolean
      readonly at: number
    }
  | Between
  | Like
  | Quantified
  | { readonly kind: 'exists'; readonly query: Query; readonly at: number }
  | { readonly kind: 'scalar-query'; readonly query: Query; readonly at: number }
  | { readonly kind: 'array-query'; readonly query: Query; readonly at: number }
  | { readonly kind: 'array'; readonly elements: readonly Expr[]; readonly at: number }
  | { readonly kind: 'row'; readonly fields: readonly Expr[]; readonly at: number }
  | Case
  /** `x::t`, CAST, `t 'literal'`, INTERVAL '5' MINUTE. */
  | { readonly kind: 'cast'; readonly arg: Expr; readonly type: TypeName; readonly at: number }
  | { readonly kind: 'collate'; readonly arg: Expr; readonly collation: Name; readonly at: number }
  | Call
  /** `name => arg`, only as an argument of a call. */
  | { readonly kind: 'named-argument'; readonly name: string; readonly arg: Expr; readonly at: number }
  /** DEFAULT, only in rows to insert and SET lists. */
  | { readonly kind: 'default'; readonly at: number }
  /** WHERE CURRENT OF cursor. */
  | { readonly kind: 'current-of'; readonly cursor: string; readonly at: number }

/** Parts of a possibly qualified name, folded to lower case unless quoted; at least one, except in an unqualified star. */
export type Name = readonly string[]

export type IsTest = 'null' | 'true' | 'false' | 'unknown' | 'json' | 'document' | 'normalized'

/** `+ − @ ~ …` before an operand. `schema` comes from OPERATOR(schema.op). */
export interface Unary {
  readonly kind: 'unary'
  readonly op: string
  readonly schema: Name
  readonly arg: Expr
  readonly at: number
}

/** Arithmetic, comparison (`!=` is `<>`), `||`, `~`, `->`, `@>` and every other infix operator. */
export interface Binary {
  readonly kind: 'binary'
  readonly op: string
  /** From OPERATOR(schema.op); else empty. */
  readonly schema: Name
  readonly left: Expr
  readonly right: Expr
  readonly at: number
}

export interface Slice {
  readonly kind: 'slice'
  readonly arg: Expr
  readonly lower?: Expr
  readonly upper?: Expr
  readonly at: number
}

export interface Between {
  readonly kind: 'between'
  readonly arg: Expr
  readonly low: Expr
  readonly high: Expr
  readonly symmetric: boolean
  readonly negated: boolean
  readonly at: number
}

export interface Like {
  readonly kind: 'like'
  readonly op: 'like' | 'ilike' | 'similar to'
  readonly arg: Expr
  readonly pattern: Expr
  readonly escape?: Expr
  readonly negated: boolean
  readonly at: number
}

/** `left op ANY|ALL (array or query)`; SOME is ANY. LIKE ANY has op `~~`, ILIKE `~~*`, NOT LIKE `!~~`, NOT ILIKE `!~~*`. */
export interface Quantified {
  readonly kind: 'quantified'
  readonly op: string
  readonly schema: Name
  readonly quantifier: 'any' | 'all'
  readonly left: Expr
  readonly right: Expr | Query
  readonly at: number
}

/** With an operand the branches' `when` are compared with it, else they are conditions. */
export interface Case {
  readonly kind: 'case'
  readonly operand?: Expr
  readonly branches: readonly { readonly when: Expr; readonly then: Expr }[]
  readonly otherwise?: Expr
  readonly at: number
}

/**
 * A function call of any spelling. What has a syntax of its own becomes the function it means:
 * EXTRACT(f FROM x) extract('f', x) · POSITION(a IN b) position(b, a) · SUBSTRING(x FROM a FOR b) substring(x, a, b) ·
 * SUBSTRING(x SIMILAR p ESCAPE e) substring(x, p, e) · OVERLAY overlay · TRIM btrim, ltrim, rtrim(x, chars) ·
 * x AT TIME ZONE z timezone(z, x), AT LOCAL timezone(x) · COLLATION FOR pg_collation_for · NORMALIZE normalize(x, 'nfc') ·
 * CURRENT_DATE, CURRENT_TIMESTAMP(p), CURRENT_USER … the function of that name, lower case ·
 * COALESCE, NULLIF, GREATEST, LEAST, GROUPING, JSON_… likewise.
 */
export interface Call {
  readonly kind: 'call'
  readonly name: Name
  readonly args: readonly Expr[]
  /** `count(*)`: no args. */
  readonly star: boolean
  readonly distinct: boolean
  /** The last argument is VARIADIC. */
  readonly variadic: boolean
  /** Inside the parentheses, or after WITHIN GROUP when `withinGroup`. */
  readonly orderBy: readonly OrderItem[]
  readonly withinGroup: boolean
  readonly filter?: Expr
  readonly nulls?: 'ignore' | 'respect'
  /** A window's name or its definition. */
  readonly over?: string | WindowSpec
  readonly at: number
}

export interface WindowSpec {
  /** The window this one refines. */
  readonly base?: string
  readonly partitionBy: readonly Expr[]
  readonly orderBy: readonly OrderItem[]
  readonly frame?: Frame
  readonly at: number
}

export interface Frame {
  readonly unit: 'rows' | 'range' | 'groups'
  readonly start: FrameBound
  /** `current row` where only a start was written. */
  readonly end: FrameBound
  readonly exclude?: 'current row' | 'group' | 'ties'
}

export type FrameBound =
  | { readonly kind: 'unbounded preceding' | 'current row' | 'unbounded following' }
  | { readonly kind: 'preceding' | 'following'; readonly offset: Expr }

export interface OrderItem {
  readonly expr: Expr
  readonly descending: boolean
  readonly nulls?: 'first' | 'last'
  /** ORDER BY x USING op. */
  readonly using?: string
  readonly at: number
}

/**
 * Type names under one spelling: boolean smallint integer bigint real double numeric text varchar char bytea date time timetz
 * timestamp timestamptz interval json jsonb uuid bit varbit; other names as written. STRING is text, BYTES bytea, TIMESTAMP_LTZ
 * timestamptz, DOUBLE [PRECISION] double. MAP<k, v>, STRUCT<…>, ROW(…) and arrays are nodes.
 */
export type TypeName =
  | {
      readonly kind: 'named'
      readonly name: Name
      /** `numeric(10, 2)`: 10, 2. */
      readonly modifiers: readonly number[]
      /** Interval only: `minute`, `day to second` … */
      readonly fields?: string
      readonly at: number
    }
  | { readonly kind: 'array'; readonly element: TypeName; readonly length?: number; readonly at: number }
  | { readonly kind: 'map'; readonly key: TypeName; readonly value: TypeName; readonly at: number }
  | {
      readonly kind: 'row'
      readonly fields: readonly { readonly name: string; readonly type: TypeName; readonly at: number }[]
      readonly at: number
    }

/** The operands of a left-deep chain of one kind, leftmost first: `a || b || c` of `binary` gives the innermost left, then each node. */
export function leftSpine(expr: Binary): { readonly first: Expr; readonly nodes: readonly Binary[] } {
  const nodes: Binary[] = [expr]
  let first = expr.left
  while (first.kind === 'binary') {
    nodes.push(first)
    first = first.left
  }
  return { first, nodes: nodes.reverse() }
}
