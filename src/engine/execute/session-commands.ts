import type {
  Deallocate,
  DeclareCursor,
  Discard,
  Execute,
  Fetch,
  Prepare,
  ResetParameter,
  SetParameter,
  Transaction,
} from '../../../grammar/commands.ts'
import { EngineError, notSupported } from '../../base/errors.ts'
import { bindConstant } from '../../plan/bind/ddl.ts'
import { dataTypeOf } from '../../plan/bind/types.ts'
import type { ClientSession } from '../client-session.ts'
import type { Statement } from '../session.ts'
import { command, type Plan } from './plan-statement.ts'
import { planQuery, planSubscribe } from './queries.ts'

/** SET. Values of a list are joined as Postgres stores them. SET TRANSACTION and SET LOCAL outside a block change nothing. */
export function planSet(ast: SetParameter, session: ClientSession): Plan {
  return command(() => {
    if (ast.name === 'transaction' || ast.name.startsWith('session characteristics')) return 'SET'
    if (ast.values === undefined) session.options.reset(ast.name)
    else session.options.set(ast.name, ast.values.map(v => quoted(ast.name, v)).join(', '))
    return 'SET'
  })
}

function quoted(name: string, value: string): string {
  return name === 'search_path' && !/^[a-z_][a-z0-9_$]*$/.test(value) && !value.includes(',')
    ? `"${value.replaceAll('"', '""')}"`
    : value
}

export function planReset(ast: ResetParameter, session: ClientSession): Plan {
  return command(() => {
    if (ast.name === undefined) session.options.resetAll()
    else session.options.reset(ast.name)
    return 'RESET'
  })
}

/** Transactions are accepted, keep their status as clients expect, and change nothing: every statement stands for itself. */
export function planTransaction(ast: Transaction, session: ClientSession): Plan {
  const { action } = ast
  if (action === 'prepare' || action === 'commit prepared' || action === 'rollback prepared') {
    throw notSupported('two-phase commit', ast.at + 1)
  }
  return command(
    () => {
      if (action === 'begin') {
        if (session.transaction === 'T') session.notice('there is already a transaction in progress', 'WARNING')
        session.transaction = 'T'
        return 'BEGIN'
      }
      if (action === 'commit' || action === 'rollback') {
        if (session.transaction === 'I') session.notice('there is no transaction in progress', 'WARNING')
        const failed = session.transaction === 'E'
        session.transaction = ast.chain ? 'T' : 'I'
        session.cursors.closeAll()
        return action === 'commit' && !failed ? 'COMMIT' : 'ROLLBACK'
      }
      if (session.transaction === 'I')
        throw new EngineError('25P01', `${action.toUpperCase()} can only be used in transaction blocks`)
      if (action === 'rollback to') session.transaction = 'T'
      return action === 'rollback to' ? 'ROLLBACK' : action.toUpperCase()
    },
    action === 'commit' || action === 'rollback' || action === 'rollback to',
  )
}

export async function planPrepare(ast: Prepare, statement: Statement, session: ClientSession): Promise<Plan> {
  if (session.statements.has(ast.name))
    throw new EngineError('42P05', `prepared statement "${ast.name}" already exists`)
  const inner: Statement = { sql: statement.sql, offset: statement.offset, ast: ast.statement }
  const prepared = await session.prepare(inner, ast.types.map(dataTypeOf))
  return command(() => {
    session.statements.set(ast.name, prepared)
    return 'PREPARE'
  })
}

export async function planExecute(ast: Execute, session: ClientSession): Promise<Plan> {
  const prepared = session.statements.get(ast.name)
  if (!prepared)
    throw new EngineError('26000', `prepared statement "${ast.name}" does not exist`, { position: ast.at + 1 })
  const { parameterTypes, schema } = prepared
  if (ast.args.length !== parameterTypes.length) {
    throw new EngineError(
      '42601',
      `prepared statement "${ast.name}" takes ${parameterTypes.length} parameters, not ${ast.args.length}`,
    )
  }
  const values = ast.args.map((arg, i) => bindConstant(arg, parameterTypes[i]))
  return { parameterTypes: [], schema, run: () => session.execute(prepared, values) }
}

export function planDeallocate(ast: Deallocate, session: ClientSession): Plan {
  return command(() => {
    if (ast.name === undefined) session.statements.clear()
    else if (!session.statements.delete(ast.name))
      throw new EngineError('26000', `prepared statement "${ast.name}" does not exist`)
    return ast.name === undefined ? 'DEALLOCATE ALL' : 'DEALLOCATE'
  })
}

export function planDiscard(ast: Discard, session: ClientSession): Plan {
  return command(() => {
    if (ast.what === 'all') {
      session.cursors.closeAll()
      session.options.resetAll()
    }
    if (ast.what !== 'sequences') session.statements.clear()
    return `DISCARD ${ast.what.toUpperCase()}`
  })
}

export async function planCursor(ast: DeclareCursor, session: ClientSession): Promise<Plan> {
  if (ast.scroll) throw notSupported('SCROLL cursors', ast.at + 1, 'DECLARE … NO SCROLL CURSOR')
  const endless = ast.query.kind === 'subscribe' || ast.query.emit === 'changes'
  const plan =
    ast.query.kind === 'subscribe' ? await planSubscribe(ast.query, session) : await planQuery(ast.query, [], session)
  return command(async () => {
    if (session.transaction === 'I' && !ast.hold) {
      throw new EngineError('25P01', 'DECLARE CURSOR can only be used in transaction blocks', {
        hint: 'BEGIN first, or DECLARE … WITH HOLD',
      })
    }
    // The cursor outlives this statement: cancelling a later one must not end it.
    const end = new AbortController()
    const result = await plan.run([], end.signal)
    if (result.kind === 'rows') session.cursors.declare(ast.name, result.schema, result.batches, { endless, end })
    return 'DECLARE CURSOR'
  })
}

export function planFetch(ast: Fetch, session: ClientSession): Plan {
  const schema = session.cursors.schema(ast.cursor)
  const run = (signal: AbortSignal) => session.cursors.fetch(ast, session.engine.options.clock, signal)
  if (ast.move) {
    return command(async signal => {
      let count = 0
      for await (const batch of run(signal)) count += batch.rowCount
      return `MOVE ${count}`
    })
  }
  return {
    parameterTypes: [],
    schema,
    run: async (_, signal) => ({ kind: 'rows', tag: 'FETCH', schema, batches: run(signal) }),
  }
}
