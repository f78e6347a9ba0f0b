/** What the server and the process that holds Postgres' catalog say to each other. Plain data. */

export type CatalogRequest =
  | { readonly kind: 'start'; readonly cacheFile: string | undefined }
  /** Statements that make the mirror equal to the engine's relations. */
  | { readonly kind: 'apply'; readonly statements: readonly string[] }
  | {
      readonly kind: 'query'
      readonly sql: string
      readonly searchPath: string
      readonly parameters: readonly (string | null)[]
      readonly parameterOids: readonly number[]
    }
  | {
      readonly kind: 'describe'
      readonly sql: string
      readonly searchPath: string
      readonly parameterOids: readonly number[]
    }

export interface ResultColumn {
  readonly name: string
  readonly oid: number
}

export type CatalogAnswer =
  /** `failures`: what Postgres refused; the rest is done. */
  | { readonly kind: 'done'; readonly failures: readonly string[] }
  /** Every value as Postgres prints it. */
  | { readonly kind: 'rows'; readonly columns: readonly ResultColumn[]; readonly rows: readonly (string | null)[][] }
  | { readonly kind: 'described'; readonly parameterOids: readonly number[]; readonly columns: readonly ResultColumn[] }
  | {
      readonly kind: 'failed'
      readonly sqlState: string
      readonly message: string
      readonly detail: string | undefined
      readonly hint: string | undefined
      readonly position: number | undefined
    }

export interface Numbered<T> {
  readonly id: number
  readonly body: T
}
