import { readFileSync, statSync } from 'node:fs'
import { EngineError } from '../base/errors.ts'

/** `${env:NAME}` and `${file:/path}`, as users of Kafka Connect write them. */
const REFERENCE = /\$\{(env|file):([^{}]*)\}/g

/** More is no secret, address or schema, and is held in memory by every source and sink. */
const FILE_BYTES_MAX = 1 << 20

/** The text of an option names a variable or a file that holds some of its value. */
export function hasReference(text: string): boolean {
  return text.search(REFERENCE) >= 0
}

/** It is a reference and nothing else, so that it tells no secret. */
export function isReference(text: string): boolean {
  return text.replace(REFERENCE, '') === '' && text !== ''
}

/**
 * The text of an option with what its references name put in: a variable of this process' environment, or a file without the line end behind it. What
 * is put in is not looked at again, so a value that itself has such a form comes from a variable or a file. Throws 22023 that
 * names the option and what is missing, never what was found.
 */
export function resolveReferences(option: string, text: string): string {
  return text.replace(REFERENCE, (_, kind: string, name: string) =>
    kind === 'env' ? variable(option, name) : contents(option, name),
  )
}

function variable(option: string, name: string): string {
  const value = process.env[name]
  if (value !== undefined) return value
  throw new EngineError('22023', `option ${option}: the environment variable ${name} is not set`, {
    hint: `Start the server with ${name} in its environment, or give the option another value.`,
  })
}

function contents(option: string, path: string): string {
  const unreadable = (why: string, cause?: unknown): EngineError =>
    new EngineError('22023', `option ${option}: cannot read the file ${path}: ${why}`, {
      hint: 'The server reads it, as its own user; the whole file is the value.',
      cause,
    })
  try {
    const found = statSync(path)
    // Reading a pipe would stop the thread until somebody writes.
    if (!found.isFile()) throw unreadable('it is no file')
    const { size } = found
    if (size > FILE_BYTES_MAX) throw unreadable(`it has ${size} bytes, and ${FILE_BYTES_MAX} is the most`)
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    if (error instanceof EngineError) throw error
    throw unreadable(error instanceof Error && 'code' in error ? String(error.code) : String(error), error)
  }
}
