#!/usr/bin/env -S MALLOC_ARENA_MAX=2 node --max-semi-space-size=8
/** Where the program starts, as a process and as a worker thread of it: with the compiled code of the last start at hand, which is three quarters of a start's work. */
import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

// In the user's own folder: what lies there is run, so it must not be where others can write, as Node's default is.
enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tidemark'))
await import('./program.ts')
