#!/usr/bin/env node
/**
 * Where the program starts, as a process and as a worker thread of it: with the compiled code of the last start at hand, which is three quarters of
 * a start's work. JavaScript, because Node would load its compiler of TypeScript for this file before it can be told of that code: 14 MB.
 */
import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { isMainThread } from 'node:worker_threads'

// The C library and V8 read these before a program's first line; so, where the system can, this process begins anew with them, which takes 20 ms.
// Small heaps cost no speed that can be told from noise: rows lie outside of them. A first line `env -S …` would do it for the installed command only, and busybox has no -S.
if (isMainThread && process.env.MALLOC_ARENA_MAX === undefined && process.execve) {
  const args = [
    process.execPath,
    '--max-semi-space-size=1',
    '--optimize-for-size',
    ...process.execArgv,
    ...process.argv.slice(1),
  ]
  process.execve(process.execPath, args, { ...process.env, MALLOC_ARENA_MAX: '2' })
}

// As expr/regex.ts does, but before the cache is opened: there is one for each set of flags, and threads begin after that file is loaded.
setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks')
// In the user's own folder: what lies there is run, so it must not be where others can write, as Node's default is.
enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tidemark'))
await import('./program.ts')
