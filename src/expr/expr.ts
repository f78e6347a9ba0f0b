import type { DataType, Datum } from '../batch/types.ts'

/**
 * A typed expression over the columns of one input. Everything is resolved: calls name an overload, casts are explicit,
 * children have exactly the types the overload takes. Plain data, so that a plan can be sent to a worker and printed.
 */
export type Expr =
  | { readonly kind: 'column'; readonly index: number; readonly name: string; readonly type: DataType }
  | { readonly kind: 'literal'; readonly value: Datum; readonly type: DataType }
  /** `$index`, 1-based; replaced by a literal before a dataflow is built. */
  | { readonly kind: 'parameter'; readonly index: number; readonly type: DataType }
  /** `id` is the key of the overload in expr/scalar's registry, `name` what the user wrote (`+`, `lower`). */
  | {
      readonly kind: 'call'
      readonly id: string
      readonly name: string
      readonly args: readonly Expr[]
      readonly type: DataType
    }
  | { readonly kind: 'and' | 'or'; readonly args: readonly Expr[]; readonly type: DataType }
  | { readonly kind: 'not'; readonly arg: Expr; readonly type: DataType }
  /** IS [NOT] NULL / TRUE / FALSE (UNKNOWN is NULL on a boolean). Never NULL itself. */
  | {
      readonly kind: 'is'
      readonly test: 'null' | 'true' | 'false'
      readonly negated: boolean
      readonly arg: Expr
      readonly type: DataType
    }
  /** `arg IN (list)` over constants of the same type, none of them NULL; longer forms are bound as OR. */
  | {
      readonly kind: 'in'
      readonly arg: Expr
      readonly values: readonly Datum[]
      readonly negated: boolean
      readonly type: DataType
    }
  /** Searched form; the simple form is bound to it. First branch whose `when` is TRUE. */
  | {
      readonly kind: 'case'
      readonly branches: readonly { readonly when: Expr; readonly then: Expr }[]
      readonly otherwise: Expr
      readonly type: DataType
    }
  | { readonly kind: 'coalesce'; readonly args: readonly Expr[]; readonly type: DataType }
  /** From arg.type to type, with Postgres' errors. */
  | { readonly kind: 'cast'; readonly arg: Expr; readonly type: DataType }
  | { readonly kind: 'array'; readonly elements: readonly Expr[]; readonly type: DataType }
  | { readonly kind: 'row'; readonly fields: readonly Expr[]; readonly type: DataType }
  /** Field `index` of a row value. */
  | { readonly kind: 'field'; readonly arg: Expr; readonly index: number; readonly type: DataType }
  /** Element of an array by 1-based integer, or of a map by key; NULL when there is none. */
  | { readonly kind: 'subscript'; readonly arg: Expr; readonly index: Expr; readonly type: DataType }

/** What an expression may know besides its row. Given with every evaluation, so that nothing reads the ambient clock. */
export interface EvalContext {
  /** now(), in microseconds since 1970 UTC. */
  readonly nowMicros: number
  /** Session time zone, IANA name. */
  readonly timeZone: string
}

/** A call of an aggregate function, resolved like a scalar one. */
export interface AggregateCall {
  readonly id: string
  readonly name: string
  readonly args: readonly Expr[]
  readonly distinct: boolean
  readonly filter?: Expr
  readonly orderBy: readonly SortKey[]
  readonly type: DataType
}

export interface SortKey {
  readonly expr: Expr
  readonly descending: boolean
  readonly nullsFirst: boolean
}
