import { closeSync, existsSync, mkdirSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs'
import { chmod, mkdir, open, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { threadId } from 'node:worker_threads'
import { assert } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import type { ObjectStore } from './object-store.ts'

/** Half-written objects lie here until they are renamed. */
const TEMPORARY = '.temporary'
const prefixOfProcess = `${process.pid}-`
let writes = 0
/** To make a folder that others remove: more than ever come together. */
const ATTEMPTS_MAX = 20

/**
 * Objects as files under `folder`, which is made if need be. Nobody but their owner reads them: the catalog holds secrets. `what` names the
 * folder in errors.
 */
export function openLocalStore(folder: string, what = 'the data directory'): ObjectStore {
  const root = resolve(folder)
  const inStore = <T>(action: () => Promise<T>): Promise<T> => onDisk(`${what} ${root}`, action)
  const temporary = join(root, TEMPORARY)
  makeFolder(temporary, `${what} ${root}`)
  // What a crash left. Threads of this process may be writing theirs now.
  for (const name of readdirSync(temporary)) {
    if (!name.startsWith(prefixOfProcess)) rmSync(join(temporary, name), { force: true })
  }
  return {
    get: key => inStore(async () => await readFile(fileOf(root, key)).catch(undefinedIfMissing)),
    put: (key, parts) => {
      const file = fileOf(root, key)
      const written = join(temporary, `${prefixOfProcess}${threadId}-${writes++}`)
      return inStore(async () => {
        writeParts(written, parts)
        await publish(written, file)
      })
    },
    list: prefix => inStore(() => keysWith(root, prefix)),
    delete: key =>
      inStore(async () => {
        const file = fileOf(root, key)
        await rm(file, { force: true })
        await syncFolder(dirname(file)).catch(undefinedIfMissing)
        await removeEmpty(root, dirname(file))
      }),
  }
}

function fileOf(root: string, key: string): string {
  const segments = key.split('/')
  const sane = segments.every(s => s !== '' && s !== '.' && s !== '..' && !s.includes('\0'))
  assert(sane && segments[0] !== TEMPORARY, `key ${JSON.stringify(key)}`)
  return join(root, ...segments)
}

/** Gives a file its name below `root` for good, over whatever has it. Runs again after a crash, and then finds it done. */
export async function moveFile(from: string, to: string, root: string): Promise<void> {
  await onDisk(`the folder ${root}`, async () => {
    if (!existsSync(from) && existsSync(to)) return
    await chmod(from, 0o644) // unlike what the program keeps for itself, others are to read it
    await publish(from, to)
  })
}

/** Synchronously, as `put` promises; into the page cache, so no slower than a copy. */
function writeParts(file: string, parts: readonly Uint8Array[]): void {
  const descriptor = openSync(file, 'w', 0o600)
  try {
    for (const part of parts) for (let at = 0; at < part.length; ) at += writeSync(descriptor, part, at)
  } finally {
    closeSync(descriptor)
  }
}

/** The file's bytes first, then its name: the order that makes rename atomic over power failures. */
async function publish(written: string, file: string): Promise<void> {
  const handle = await open(written, 'r+')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
  const folder = dirname(file)
  let made: string | undefined
  for (let attempt = 1; ; attempt++) {
    try {
      made = (await mkdir(folder, { recursive: true })) ?? made
      await rename(written, file)
      break
    } catch (error) {
      // A last neighbour was deleted meanwhile, and the empty folder with it.
      if (codeOf(error) !== 'ENOENT' || attempt === ATTEMPTS_MAX) throw error
    }
  }
  await syncFolder(folder)
  if (made === undefined) return
  // New folders are names in their parents, which must be on disk too.
  for (let above = folder; above.length >= made.length; above = dirname(above)) await syncFolder(dirname(above))
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** A prefix is no object: with its last key it goes, or the folders of dropped jobs would stay for ever. */
async function removeEmpty(root: string, folder: string): Promise<void> {
  for (let empty = folder; empty !== root; empty = dirname(empty)) {
    const removed = await rmdir(empty).then(
      () => true,
      () => false, // something is in it, or another has removed it
    )
    if (!removed) return
  }
}

async function keysWith(root: string, prefix: string): Promise<string[]> {
  const slash = prefix.lastIndexOf('/')
  const folder = slash < 0 ? root : fileOf(root, prefix.slice(0, slash))
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(undefinedIfMissing)
  const keys = (entries ?? [])
    .filter(e => e.isFile())
    .map(e => relative(root, join(e.parentPath, e.name)).split(sep).join('/'))
  return keys.filter(key => key.startsWith(prefix) && !key.startsWith(`${TEMPORARY}/`)).sort()
}

function undefinedIfMissing(error: unknown): undefined {
  if (codeOf(error) === 'ENOENT') return undefined
  throw error
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

/** The disk's errors, said so that whoever runs the machine can act. */
async function onDisk<T>(place: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    throw diskError(place, error)
  }
}

function makeFolder(folder: string, place: string): void {
  try {
    mkdirSync(folder, { recursive: true })
  } catch (error) {
    throw diskError(place, error)
  }
}

function diskError(place: string, error: unknown): unknown {
  const code = codeOf(error)
  if (typeof code !== 'string') return error
  const full = code === 'ENOSPC' || code === 'EDQUOT'
  return new EngineError(full ? '53100' : '58030', `cannot use ${place}: ${code}`, {
    detail: error instanceof Error ? error.message : undefined,
    hint: full ? 'Free disk space.' : 'Check that the folder exists and may be written by this process.',
    actor: 'external',
    retryable: full,
    cause: error,
  })
}
