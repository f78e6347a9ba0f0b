import { createHash } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { EngineError } from '../base/errors.ts'

/** Sockets have short names: 108 bytes on Linux, 104 on macOS, with the zero at the end. */
const SOCKET_PATH_MAX = 100

/** Nobody listens, or the socket has just gone. */
const DEAD: ReadonlySet<unknown> = new Set(['ECONNREFUSED', 'ENOENT'])

/** A folder that is ours until `release`, or until the process ends in whatever way. */
export interface FolderLock {
  release(): Promise<void>
}

/**
 * Takes a folder for this owner alone; 55006 when another one has it. A socket in the folder that somebody listens on is the lock:
 * the system lets go of it with the process, also after kill -9, which a file with a process id in it does not (the id may by
 * then be another's), and Node has no flock.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const server = await take(folder).catch(cause => {
    throw new EngineError('58030', `cannot use ${folder} as data directory: ${describe(cause)}`, {
      cause,
      actor: 'external',
      hint: 'it must be a directory that this user may write to; --data names another',
    })
  })
  if (!server) {
    throw new EngineError('55006', `data directory ${folder} is in use by another server`, {
      actor: 'external',
      retryable: true,
      hint: 'stop that server, or give this one a directory of its own with --data',
    })
  }
  return { release: () => new Promise(done => server.close(() => done())) }
}

async function take(folder: string): Promise<Server | undefined> {
  // As Postgres' own: rows and the catalog are in it. One that is there already keeps the rights it was given.
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const path = socketPath(folder)
  return (await listen(path)) ?? (await takeOver(path))
}

function describe(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}

function socketPath(folder: string): string {
  const path = join(resolve(folder), 'lock')
  if (Buffer.byteLength(path) <= SOCKET_PATH_MAX) return path
  return join(tmpdir(), `tidemark-${createHash('sha256').update(path).digest('hex').slice(0, 32)}.lock`)
}

/** Undefined when there is a socket already, dead or alive. */
function listen(path: string): Promise<Server | undefined> {
  return new Promise((done, fail) => {
    const server = createServer(socket => socket.destroy())
    server.once('error', error => ('code' in error && error.code === 'EADDRINUSE' ? done(undefined) : fail(error)))
    server.listen(path, () => {
      server.unref()
      done(server)
    })
  })
}

/** Listens in place of an owner that was killed; undefined when the owner lives. */
async function takeOver(path: string): Promise<Server | undefined> {
  const alive = await new Promise<boolean>(done => {
    const socket = connect(path)
    socket.once('connect', () => done(true))
    socket.once('error', error => done(!('code' in error && DEAD.has(error.code))))
    socket.on('close', () => socket.destroy())
  })
  if (alive) return undefined
  rmSync(path, { force: true })
  return await listen(path)
}
