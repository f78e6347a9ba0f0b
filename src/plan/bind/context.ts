import type { CommonTable, Query } from '../../../grammar/query.ts'
import { EngineError } from '../../base/errors.ts'
import { type DataType, sameType, TEXT, typeName } from '../../batch/types.ts'
import type { EvalContext, Expr } from '../../expr/expr.ts'
import type { CatalogView, Relation } from '../catalog.ts'

/** How a statement is to be bound. */
export interface BindOptions {
  readonly searchPath: readonly string[]
  /** By parameter, `$1` first; undefined: inferred. */
  readonly parameterTypes: readonly (DataType | undefined)[]
  /** `standing`: kept up to date while rows arrive. `read`: over what is there now. */
  readonly mode: 'read' | 'standing'
  /** now() of the statement, for constants. */
  readonly nowMicros?: number
  readonly timeZone: string
  /** What current_user, current_database, version and current_setting answer, by name. */
  readonly settings?: ReadonlyMap<string, string>
}

/** What is shared while one statement is bound. */
export interface BindContext {
  readonly catalog: CatalogView<Query>
  readonly options: BindOptions
  readonly evaluation: EvalContext
  readonly parameters: Parameters
  /** Where in the statement a bound node came from, 1-based: for errors that are found later. */
  readonly positions: WeakMap<object, number>
  /** How deep the expression that is being bound lies. */
  depth: number
  /** Every relation that the statement reads, by name, also those inside views. */
  readonly relations: Map<string, Relation<Query>>
  /** Tables of WITH that something reads. */
  readonly mentioned: Set<CommonTable>
  /** How often one was named: views and CTEs are bound once a mention, which could explode. */
  mentions: number
}

export function createContext(catalog: CatalogView<Query>, options: BindOptions): BindContext {
  return {
    catalog,
    options,
    evaluation: { nowMicros: options.nowMicros ?? 0, timeZone: options.timeZone },
    parameters: new Parameters(options.parameterTypes),
    positions: new WeakMap(),
    depth: 0,
    relations: new Map(),
    mentioned: new Set(),
    mentions: 0,
  }
}

/** Types of `$1`, `$2` …: given, or taken from their first use. */
export class Parameters {
  #types: (DataType | undefined)[]

  constructor(given: readonly (DataType | undefined)[]) {
    this.#types = given.map(type => (type?.kind === 'unknown' ? undefined : type))
  }

  /** A use of `$index`; its type is unknown until `infer` settles it. */
  use(index: number, position: number): Expr {
    if (index < 1 || index > 65535) throw new EngineError('42P02', `there is no parameter $${index}`, { position })
    while (this.#types.length < index) this.#types.push(undefined)
    return { kind: 'parameter', index, type: this.#types[index - 1] ?? { kind: 'unknown' } }
  }

  /** Gives a parameter of unknown type the type its place asks for. */
  infer(index: number, type: DataType, position?: number): Expr {
    const known = this.#types[index - 1]
    if (known && !sameType(known, type)) {
      throw new EngineError('42P08', `inconsistent types deduced for parameter $${index}`, {
        position,
        detail: `${typeName(known)} versus ${typeName(type)}`,
      })
    }
    this.#types[index - 1] = type
    return { kind: 'parameter', index, type }
  }

  /** All types, once the statement is bound; those that nothing told are text. */
  types(): DataType[] {
    return this.#types.map(type => type ?? TEXT)
  }
}

/** Runs `work`; an error of it without a position gets the one of this node. */
export function located<T>(at: number, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw error instanceof EngineError ? error.at(at + 1) : error
  }
}
