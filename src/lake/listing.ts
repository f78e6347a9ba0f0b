import { createHash } from 'node:crypto'
import { globSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { EngineError } from '../base/errors.ts'
import type { S3 } from '../storage/s3.ts'

/** A file to read. */
export interface ListedFile {
  /** Below the place, with slashes. */
  readonly name: string
  readonly size: number
  /** Tells it from another that takes its name. */
  readonly etag: string
}

/** Files to read: a folder, a pattern, or a prefix of a bucket. */
export interface Listing {
  /** For messages, and as the name of its one partition. */
  readonly where: string
  /** In the order of their names. Throws when the place is not there. */
  list(): Promise<ListedFile[]>
  /** Bytes [start, end) of it, as it was when it was listed. */
  range(file: ListedFile, start: number, end: number): Promise<Uint8Array>
  close(): Promise<void>
}

/** Objects under a prefix, which is empty or ends with a slash. */
export function s3Listing(s3: S3, prefix: string): Listing {
  return {
    where: `s3://${s3.bucket}/${prefix}`,
    list: async () => {
      const files: ListedFile[] = []
      for await (const page of s3.list(prefix)) {
        for (const { key, size, etag } of page) {
          const name = key.slice(prefix.length)
          if (isVisible(name) && size > 0) files.push({ name, size, etag })
        }
      }
      return files
    },
    range: ({ name, etag }, start, end) => s3.range({ key: prefix + name, etag }, start, end),
    close: () => s3.close(),
  }
}

/** Files of a folder at any depth, or those that match a pattern. */
export function folderListing(path: string): Listing {
  const pattern = /[*?[{]/.test(path)
  const one = !pattern && statSync(path, { throwIfNoEntry: false })?.isFile() === true
  const root = pattern || one ? '.' : path
  return {
    where: path,
    list: async () => {
      if (!pattern && !statSync(path, { throwIfNoEntry: false })) {
        throw new EngineError('58P01', `there is no file or folder ${path}`, {
          actor: 'external',
          hint: 'Paths are those of the machine the engine runs on, relative to where it was started.',
        })
      }
      const names = one ? [path] : globSync(pattern ? path : '**/*', pattern ? {} : { cwd: root })
      return names.sort().flatMap(name => {
        const stats = statSync(resolve(root, name), { throwIfNoEntry: false })
        if (!stats?.isFile() || stats.size === 0 || !isVisible(pattern || one ? baseOf(name) : name)) return []
        return [{ name, size: stats.size, etag: `${stats.ino}-${stats.mtimeMs}` }]
      })
    },
    range: async ({ name, etag }, start, end) => {
      const file = await open(resolve(root, name), 'r').catch(cause => {
        throw new EngineError('58P01', `cannot read the file ${join(root, name)}`, { actor: 'external', cause })
      })
      try {
        const stats = await file.stat()
        if (`${stats.ino}-${stats.mtimeMs}` !== etag) {
          throw new EngineError('55000', `the file ${join(root, name)} was replaced while it was read`, {
            actor: 'external',
            hint: 'Files that are read must not be written again under their names.',
          })
        }
        const bytes = new Uint8Array(end - start)
        const { bytesRead } = await file.read(bytes, 0, bytes.length, start)
        return bytes.subarray(0, bytesRead)
      } finally {
        await file.close()
      }
    },
    close: async () => {},
  }
}

function baseOf(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1)
}

/** As Hive and Spark have it: names that begin so are somebody's own. */
function isVisible(name: string): boolean {
  return !name.split('/').some(part => part.startsWith('_') || part.startsWith('.'))
}

/** Short enough that a checkpoint can hold a million; two are equal once in 10^7 times of that many. */
export function nameHash(name: string): string {
  return createHash('sha256').update(name).digest('base64url').slice(0, 11)
}
