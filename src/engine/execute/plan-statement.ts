import type { Statement as StatementNode } from '../../../grammar/statements.ts'
import { notSupported } from '../../base/errors.ts'
import type { DataType, Datum, Schema } from '../../batch/types.ts'
import type { ClientSession } from '../client-session.ts'
import type { Result, Statement } from '../session.ts'
import { planCatalogQuery } from './catalog-query.ts'
import { planAlterJob, planCreate, planDrop } from './change-catalog.ts'
import { planCopyFrom, planCopyTo } from './copy.ts'
import { planInsert } from './insert.ts'
import { planDelete, planTruncate, planUpdate } from './modify.ts'
import { planDescribe, planExplain, planQuery, planShow, planSubscribe } from './queries.ts'
import {
  planCursor,
  planDeallocate,
  planDiscard,
  planExecute,
  planFetch,
  planPrepare,
  planReset,
  planSet,
  planTransaction,
} from './session-commands.ts'

/** A statement that is bound and can run, any number of times. */
export interface Plan {
  readonly parameterTypes: readonly DataType[]
  /** Undefined: no rows. */
  readonly schema: Schema | undefined
  /** COMMIT and ROLLBACK run in a failed transaction block too. */
  readonly endsTransaction?: boolean
  run(parameters: readonly Datum[], signal: AbortSignal): Promise<Result>
}

export type ParameterTypes = readonly (DataType | undefined)[]

/** A plan that answers only its tag. */
export function command(run: (signal: AbortSignal) => Promise<string> | string, endsTransaction = false): Plan {
  return {
    parameterTypes: [],
    schema: undefined,
    endsTransaction,
    run: async (_, signal) => ({ kind: 'command', tag: await run(signal) }),
  }
}

/** Binds any statement. */
export async function planStatement(
  ast: StatementNode | undefined,
  statement: Statement,
  types: ParameterTypes,
  session: ClientSession,
): Promise<Plan> {
  switch (ast?.kind) {
    case undefined:
      return command(() => '')
    case 'query':
      return (await planCatalogQuery(statement, types, session)) ?? (await planQuery(ast, types, session))
    case 'subscribe':
      return await planSubscribe(ast, session)
    case 'copy-to':
      return await planCopyTo(ast, statement, session)
    case 'copy-from':
      return planCopyFrom(ast, session)
    case 'explain':
      return await planExplain(ast, statement, session)
    case 'show':
      return await planShow(ast, session)
    case 'describe':
      return planDescribe(ast, session)
    case 'insert':
      return await planInsert(ast, statement, types, session)
    case 'create-connection':
    case 'create-relation':
    case 'create-as':
    case 'create-view':
    case 'create-sink':
      return planCreate(ast, statement, session)
    case 'drop':
      return planDrop(ast, session)
    case 'alter-job':
      return planAlterJob(ast, session)
    case 'set':
      return planSet(ast, session)
    case 'reset':
      return planReset(ast, session)
    case 'transaction':
      return planTransaction(ast, session)
    case 'prepare':
      return await planPrepare(ast, statement, session)
    case 'execute':
      return await planExecute(ast, session)
    case 'deallocate':
      return planDeallocate(ast, session)
    case 'discard':
      return planDiscard(ast, session)
    case 'declare-cursor':
      return await planCursor(ast, session)
    case 'fetch':
      return planFetch(ast, session)
    case 'close':
      return command(() => {
        if (ast.cursor === undefined) session.cursors.closeAll()
        else session.cursors.close(ast.cursor)
        return 'CLOSE CURSOR'
      })
    case 'listen':
      return command(() => ast.kind.toUpperCase())
    case 'unlisten':
    case 'notify':
      return command(() => ast.kind.toUpperCase())
    case 'lock':
      return command(() => 'LOCK TABLE')
    case 'utility':
      if (/^(analyze|vacuum|checkpoint|comment|grant|revoke|reindex|cluster)/i.test(ast.command)) {
        return command(() => {
          session.notice(`${ast.command} does nothing here`)
          return ast.command
        })
      }
      throw notSupported(ast.command, ast.at + 1)
    case 'update':
      return planUpdate(ast, types, session)
    case 'delete':
      return planDelete(ast, types, session)
    case 'truncate':
      return planTruncate(ast, session)
    case 'alter':
      throw notSupported(ast.kind.toUpperCase().replace('-', ' '), ast.at + 1)
  }
}
