import { assert, unreachable } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import { encodeUtf8 } from '../batch/column.ts'
import { type DataType, type Datum, sameType, storageOf } from '../batch/types.ts'
import { castFunction, inlineCast } from './cast.ts'
import { type Code, defaultOf, isSimple, liesInBytes, negate, nullableValue, ofText } from './code.ts'
import { comparisonOf } from './compare.ts'
import type { Expr } from './expr.ts'
import { equal } from './scalar/comparison.ts'
import { functionOf, type Overload } from './scalar/overload.ts'
import { overloadById } from './scalar/registry.ts'

type Call = Extract<Expr, { kind: 'call' }>
type Case = Extract<Expr, { kind: 'case' }>

/**
 * Writes the body of one loop over rows `i`. Statements are appended as an expression is visited, so that everything is one
 * fused loop; only what may fail, or costs more than a test, hides behind a test for NULL.
 */
export class CodeWriter {
  readonly lines: string[] = []
  readonly constantNames: string[] = []
  readonly constants: unknown[] = []
  /** Columns read, by index in the input. */
  readonly columns = new Set<number>()
  readonly #nullable: (column: number) => boolean
  #pool: number[] = []
  #names = 0

  /** `nullable`: whether a column of this batch has NULLs, which selects the variant. */
  constructor(nullable: (column: number) => boolean) {
    this.#nullable = nullable
  }

  /** Bytes of all text literals; the name `pool` means them. */
  get pool(): Uint8Array {
    return Uint8Array.from(this.#pool)
  }

  /** A name that is new in this function. */
  fresh(prefix: string): string {
    return `${prefix}${this.#names++}`
  }

  constant(value: unknown): string {
    const name = this.fresh('k')
    this.constantNames.push(name)
    this.constants.push(value)
    return name
  }

  /** Writes the statements that compute `expr` for row i. */
  write(expr: Expr): Code {
    switch (expr.kind) {
      case 'column':
        return this.#column(expr.index, expr.type)
      case 'literal':
        return this.#literal(expr.value, expr.type)
      case 'parameter':
        throw new EngineError('42P02', `there is no parameter $${expr.index}`)
      case 'call':
        return this.#call(expr)
      case 'and':
      case 'or':
        return this.#logical(expr.args, expr.kind === 'or')
      case 'not': {
        const arg = this.write(expr.arg)
        return { value: `!${arg.value}`, isNull: arg.isNull }
      }
      case 'is':
        return { value: this.#isTest(expr), isNull: 'false' }
      case 'in':
        return this.#in(expr)
      case 'case':
        return this.#case(expr)
      case 'coalesce':
        return this.#coalesce(expr.args, expr.type)
      case 'cast':
        return this.#cast(expr.arg, expr.type)
      case 'array':
        return this.#list(expr.elements)
      case 'row':
        return this.#list(expr.fields)
      case 'field': {
        const arg = this.write(expr.arg)
        return this.#nullableResult(arg.isNull, `${arg.value}[${expr.index}]`)
      }
      case 'subscript':
        return this.#subscript(expr.arg, expr.index)
      default:
        return unreachable(expr)
    }
  }

  /** A boolean that says whether `expr` is TRUE, for filters and WHEN. Skips the bookkeeping for NULL where it can. */
  truth(expr: Expr): string {
    if ((expr.kind === 'and' || expr.kind === 'or') && expr.args.every(isSimple)) {
      const args = expr.args.map(arg => this.truth(arg))
      return `(${args.join(expr.kind === 'and' ? ' && ' : ' || ')})`
    }
    if (expr.kind === 'and') {
      const result = this.fresh('t')
      this.lines.push(`let ${result} = false`)
      let depth = 0
      for (const arg of expr.args) {
        this.lines.push(`if (${this.truth(arg)}) {`)
        depth++
      }
      this.lines.push(`${result} = true${' }'.repeat(depth)}`)
      return result
    }
    const { value, isNull } = this.write(expr)
    if (isNull === 'false') return value
    return isNull === 'true' ? 'false' : `(!${isNull} && ${value})`
  }

  #column(index: number, type: DataType): Code {
    this.columns.add(index)
    const c = `c${index}`
    const isNull = this.#nullable(index) ? this.#bind(`${c}v[i] === 0`) : 'false'
    switch (storageOf(type)) {
      case 'bool':
        return { value: `(${c}[i] === 1)`, isNull }
      case 'int32':
      case 'float64':
        return { value: this.#bind(`${c}[i]`), isNull }
      case 'int64': {
        const high = this.#bind(`${c}[2 * i + 1]`)
        const safe = `${high} <= 2097151 && ${high} > -2097152`
        return { value: this.#bind(`${safe} ? ${high} * 4294967296 + (${c}[2 * i] >>> 0) : int64At(${c}, i)`), isNull }
      }
      case 'utf8': {
        const text = { bytes: `${c}b`, start: this.#bind(`${c}s[i]`), end: this.#bind(`${c}e[i]`) }
        return { ...ofText(text, type), isNull }
      }
      case 'boxed': {
        const value = this.#bind(`${c}[i]`)
        return { value, isNull: this.#bind(`${value} === null`) }
      }
      default:
        return unreachable(storageOf(type) as never)
    }
  }

  #literal(value: Datum, type: DataType): Code {
    if (value === null) return { value: defaultOf(storageOf(type)), isNull: 'true' }
    if (typeof value === 'boolean' || typeof value === 'number') {
      return { value: Object.is(value, -0) ? '-0' : String(value), isNull: 'false' }
    }
    if (typeof value === 'string' || value instanceof Uint8Array) {
      const constant = value instanceof Uint8Array ? value : encodeUtf8(value)
      const start = this.#pool.length
      for (const byte of constant) this.#pool.push(byte)
      const text = { bytes: 'pool', start: String(start), end: String(start + constant.length), constant }
      return { value: typeof value === 'string' ? JSON.stringify(value) : this.constant(value), isNull: 'false', text }
    }
    return { value: typeof value === 'bigint' ? `${value}n` : this.constant(value), isNull: 'false' }
  }

  #call({ id, args, type }: Call): Code {
    const overload = overloadById(id)
    const codes = args.map(arg => this.write(arg))
    const { body, strict } = overload
    if (!strict) {
      const values = codes.map(c => nullableValue(c))
      return this.#nullableResult('false', this.#invoke(overload, args, type, values))
    }
    const isNull = this.#anyNull(codes)
    if (isNull === 'true') return this.#literal(null, type)
    if ('inline' in body) return { value: this.#bind(body.inline(...codes.map(c => this.#atom(c.value)))), isNull }
    if ('bytes' in body && body.bytes) {
      const places = codes.map(c => c.text).filter(t => t !== undefined)
      if (places.length === codes.length) return this.#guarded(isNull, body.bytes(...places), type)
    }
    const call = this.#invoke(
      overload,
      args,
      type,
      codes.map(c => c.value),
    )
    if (NEVER_NULL.has(overload.name)) return this.#guarded(isNull, call, type)
    return this.#nullableResult(isNull, call)
  }

  #invoke(overload: Overload, args: readonly Expr[], type: DataType, values: readonly string[]): string {
    const made = this.constant(
      functionOf(
        overload,
        args.map(a => a.type),
        type,
      ),
    )
    const fixed = overload.variadic ? overload.args.length - 1 : values.length
    const rest = overload.variadic ? [`[${values.slice(fixed).join(', ')}]`] : []
    return `${made}(${[...values.slice(0, fixed), ...rest, 'context'].join(', ')})`
  }

  /** A value computed only where it is not NULL, and then never NULL. */
  #guarded(isNull: string, code: string, type: DataType): Code {
    if (isNull === 'false') return { value: this.#bind(code), isNull }
    const value = this.fresh('v')
    this.lines.push(`let ${value} = ${defaultOf(storageOf(type))}`, `if (!${isNull}) ${value} = ${code}`)
    return { value, isNull }
  }

  /** A value that is null for NULL. */
  #nullableResult(isNull: string, code: string): Code {
    const value = isNull === 'false' ? this.#bind(code) : this.#bind(`${isNull} ? null : ${code}`)
    return { value, isNull: this.#bind(`${value} === null`) }
  }

  #logical(args: readonly Expr[], or: boolean): Code {
    const stop = or ? '' : '!'
    if (args.every(isSimple)) {
      const codes = args.map(arg => this.write(arg))
      const nulls = codes.filter(c => c.isNull !== 'false')
      if (nulls.length === 0)
        return { value: this.#bind(codes.map(c => c.value).join(or ? ' || ' : ' && ')), isNull: 'false' }
      const decided = this.#bind(
        codes
          .map(c => (c.isNull === 'false' ? `${stop}${c.value}` : `(!${c.isNull} && ${stop}${c.value})`))
          .join(' || '),
      )
      const isNull = this.#bind(`!${decided} && (${nulls.map(c => c.isNull).join(' || ')})`)
      return { value: or ? decided : `!${decided}`, isNull }
    }
    const value = this.fresh('v')
    const isNull = this.fresh('n')
    const label = this.fresh('L')
    this.lines.push(`let ${value} = ${!or}, ${isNull} = false`, `${label}: {`)
    for (const arg of args) {
      const code = this.write(arg)
      if (code.isNull === 'false') {
        this.lines.push(`if (${stop}${code.value}) { ${value} = ${or}; ${isNull} = false; break ${label} }`)
      } else {
        this.lines.push(
          `if (${code.isNull}) ${isNull} = true`,
          `else if (${stop}${code.value}) { ${value} = ${or}; ${isNull} = false; break ${label} }`,
        )
      }
    }
    this.lines.push('}')
    return { value, isNull }
  }

  #isTest({ test, negated, arg }: Extract<Expr, { kind: 'is' }>): string {
    const code = this.write(arg)
    if (test === 'null') return negated ? negate(code.isNull) : code.isNull
    const holds = test === 'true' ? code.value : `!${code.value}`
    const is = code.isNull === 'false' ? holds : `(!${code.isNull} && ${holds})`
    return negated ? `!${is}` : is
  }

  #in({ arg, values, negated }: Extract<Expr, { kind: 'in' }>): Code {
    const code = this.write(arg)
    const not = negated ? '!' : ''
    const test = this.#membership(code, values, arg.type)
    return this.#guarded(code.isNull, `${not}${test}`, { kind: 'boolean' })
  }

  #membership(code: Code, values: readonly Datum[], type: DataType): string {
    const storage = storageOf(type)
    if (storage === 'boxed' || type.kind === 'jsonb' || type.kind === 'bytea') {
      const compare = comparisonOf(type)
      const has = (value: never): boolean => values.some(v => compare(value, v as never) === 0)
      return `${this.constant(has)}(${code.value})`
    }
    const { text } = code
    if (text && values.length <= 8) {
      const constants = values.map(v => this.#literal(v, type).text).filter(t => t !== undefined)
      return `(${constants.map(t => equal(text, t)).join(' || ') || 'false'})`
    }
    if (storage === 'utf8' || storage === 'float64' || values.length > 8) {
      return `${this.constant(new Set(values))}.has(${code.value})`
    }
    const value = this.#atom(code.value)
    return `(${values.map(v => `${value} === ${this.#literal(v, type).value}`).join(' || ') || 'false'})`
  }

  #case({ branches, otherwise, type }: Case): Code {
    const chosen = this.#choice(type, [...branches.map(b => b.then), otherwise])
    for (const { when, then } of branches) {
      this.lines.push(`if (${this.truth(when)}) {`)
      chosen.assign(this.write(then))
      this.lines.push(`break ${chosen.label} }`)
    }
    chosen.assign(this.write(otherwise))
    return chosen.end()
  }

  #coalesce(args: readonly Expr[], type: DataType): Code {
    const chosen = this.#choice(type, args)
    for (const arg of args) {
      const code = this.write(arg)
      this.lines.push(`if (${negate(code.isNull)}) {`)
      chosen.assign(code)
      this.lines.push(`break ${chosen.label} }`)
    }
    return chosen.end()
  }

  /** Variables that one of several branches fills: places in bytes when every branch has one, else values. */
  #choice(type: DataType, from: readonly Expr[]) {
    const label = this.fresh('L')
    const isNull = this.fresh('n')
    const value = this.fresh('v')
    const asText = storageOf(type) === 'utf8' && from.every(liesInBytes)
    const text = { bytes: `${value}b`, start: `${value}s`, end: `${value}e` }
    this.lines.push(`let ${isNull} = true`)
    if (asText) this.lines.push(`let ${text.bytes} = pool, ${text.start} = 0, ${text.end} = 0`)
    else this.lines.push(`let ${value} = ${defaultOf(storageOf(type))}`)
    this.lines.push(`${label}: {`)
    return {
      label,
      assign: (code: Code): void => {
        if (code.isNull === 'true') return
        if (asText) {
          const place = code.text
          assert(place !== undefined, 'every branch lies in bytes')
          this.lines.push(`${text.bytes} = ${place.bytes}; ${text.start} = ${place.start}; ${text.end} = ${place.end}`)
        } else if (code.isNull === 'false') this.lines.push(`${value} = ${code.value}`)
        else this.lines.push(`if (!${code.isNull}) ${value} = ${code.value}`)
        this.lines.push(`${isNull} = ${code.isNull}`)
      },
      end: (): Code => {
        this.lines.push('}')
        return asText ? { ...ofText(text, type), isNull } : { value, isNull }
      },
    }
  }

  #cast(arg: Expr, to: DataType): Code {
    const code = this.write(arg)
    if (code.isNull === 'true') return this.#literal(null, to)
    if (sameType(arg.type, to)) return code
    const inline = inlineCast(arg.type, to)
    if (inline) return { ...code, value: inline(code.value) }
    return this.#guarded(code.isNull, `${this.constant(castFunction(arg.type, to))}(${code.value}, context)`, to)
  }

  #list(items: readonly Expr[]): Code {
    const values = items.map(item => nullableValue(this.write(item)))
    return { value: this.#bind(`[${values.join(', ')}]`), isNull: 'false' }
  }

  #subscript(arg: Expr, index: Expr): Code {
    const list = this.write(arg)
    const at = this.write(index)
    const isNull = this.#anyNull([list, at])
    if (arg.type.kind !== 'map') return this.#nullableResult(isNull, `(${list.value}[${at.value} - 1] ?? null)`)
    const compare = comparisonOf(arg.type.key)
    const find = (map: readonly (readonly Datum[])[], key: never): Datum =>
      map.find(entry => compare(entry[0] as never, key) === 0)?.[1] ?? null
    return this.#nullableResult(isNull, `${this.constant(find)}(${list.value}, ${at.value})`)
  }

  #anyNull(codes: readonly Code[]): string {
    const nulls = codes.map(c => c.isNull).filter(n => n !== 'false')
    if (nulls.length === 0) return 'false'
    if (nulls.includes('true')) return 'true'
    return nulls.length === 1 ? nulls[0] : this.#bind(nulls.join(' || '))
  }

  #bind(code: string): string {
    const name = this.fresh('v')
    this.lines.push(`const ${name} = ${code}`)
    return name
  }

  /** Inline bodies may use an argument twice. */
  #atom(code: string): string {
    return /^[\w.]+$/.test(code) ? code : this.#bind(code)
  }
}

/** Operators that run in hot loops and never answer NULL: their results stay unboxed. */
const NEVER_NULL = new Set([
  '+',
  '-',
  '*',
  '/',
  '%',
  '=',
  '<>',
  '<',
  '<=',
  '>',
  '>=',
  '&',
  '|',
  '#',
  '~',
  '<<',
  '>>',
  '@',
  'abs',
])
