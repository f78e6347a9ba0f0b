import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** How a command ended. */
export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** A `tidemark` process under way. */
export interface Running {
  readonly child: ChildProcess
  /** What it has said so far, on both outputs. */
  said(): string
  /** Resolves when it has said something that matches, from the character `from` on; the test's own time-out is the limit. */
  until(pattern: RegExp, from?: number): Promise<void>
  readonly ended: Promise<Ended>
}

const main = join(import.meta.dirname, '../../src/main.js')

/** Starts `tidemark ARGS` as a real process; it is killed with the test. Standard input is `input`, else empty. */
export function start(args: readonly string[], { cwd, input = '' }: { cwd?: string; input?: string } = {}): Running {
  const running = watch(spawn(process.execPath, [main, ...args], { cwd, stdio: ['pipe', 'pipe', 'pipe'] }))
  running.child.stdin?.end(input)
  return running
}

/** `tidemark ARGS` in a pseudo terminal, as a person sees it; `type` presses keys. Needs Python. */
export function startInTerminal(args: readonly string[]): Running & { type(keys: string): void } {
  const terminal = join(import.meta.dirname, 'terminal.py')
  const running = watch(
    spawn('python3', [terminal, process.execPath, main, ...args], { stdio: ['pipe', 'pipe', 'pipe'] }),
  )
  return { ...running, type: keys => void running.child.stdin?.write(`${JSON.stringify(keys)}\n`) }
}

function watch(child: ChildProcessWithoutNullStreams): Running {
  onTestFinished(() => void child.kill('SIGKILL'))
  let out = ''
  let err = ''
  const listeners = new Set<() => void>()
  const heard = (): void => {
    for (const listener of listeners) listener()
  }
  child.stdout.on('data', text => {
    out += text
    heard()
  })
  child.stderr.on('data', text => {
    err += text
    heard()
  })
  child.stdin.on('error', () => {}) // it ended without reading
  const ended = new Promise<Ended>(resolve => child.once('close', code => resolve({ code, out, err })))
  const until = (pattern: RegExp, from = 0): Promise<void> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        if (!pattern.test((out + err).slice(from))) return
        listeners.delete(check)
        resolve()
      }
      listeners.add(check)
      check()
      ended.then(({ code }) => reject(new Error(`ended with ${code} before it said ${pattern}:\n${out}${err}`)))
    })
  return { child, said: () => out + err, until, ended }
}

/** Runs `tidemark ARGS` to its end. */
export function tidemark(args: readonly string[], options?: { cwd?: string; input?: string }): Promise<Ended> {
  return start(args, options).ended
}
