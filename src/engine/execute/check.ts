import type { Statement as StatementNode } from '../../../grammar/statements.ts'
import { defineObject, targetName } from '../definitions.ts'
import type { Engine, StatementContext } from '../engine.ts'
import { qualifiedName } from '../objects.ts'
import type { Statement } from '../session.ts'
import { alreadyExists } from './change-catalog.ts'

/** Defines what a statement creates, and forgets what it drops, without running it, so that later statements of a script find the catalog as it would be: for `check`. */
export async function defineOnly(statement: Statement, context: StatementContext, engine: Engine): Promise<void> {
  const ast = statement.ast as StatementNode | undefined // only parse() makes statements
  const { catalog } = engine
  if (ast?.kind === 'drop') {
    for (const { name, at } of ast.object === 'topic' ? [] : ast.names) {
      const found = ast.ifExists ? catalog.find(name, context.searchPath) : catalog.get(name, context.searchPath, at)
      if (found) catalog.objects.delete(qualifiedName(found))
    }
  }
  if (ast !== undefined && 'orReplace' in ast) {
    const { schemaName, shortName } = targetName(ast.name, ast.at)
    const existing = catalog.objects.get(`${schemaName}.${shortName}`)
    if (existing && !ast.orReplace && !ast.ifNotExists) throw alreadyExists(existing, ast.at)
  }
  const object = await defineObject(ast, context, engine)
  if (object) catalog.objects.set(qualifiedName(object), object)
}
