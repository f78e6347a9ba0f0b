import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { EngineError } from '../base/errors.ts'
import { openLocalStore } from './local-store.ts'
import type { ObjectStore } from './object-store.ts'
import { S3, type S3Options } from './s3.ts'
import { S3Store } from './s3-store.ts'

/** Where catalog and checkpoints are kept when not in the data directory. */
export interface RemoteState {
  /** See `parseS3Url`. */
  readonly url: string
  /** Of this run of the server; the same in each of its threads. */
  readonly owner: string
}

/** A place in a bucket, and how to get there. */
export interface S3Location {
  readonly bucket: string
  /** Empty, or a folder with its slash. */
  readonly prefix: string
  readonly options: S3Options
}

/** `s3://bucket/prefix?endpoint=http://host:9000&region=eu-central-1&path_style=true`. Credentials come from the environment, as URLs are shown by `ps`. */
export function parseS3Url(text: string): S3Location {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 's3:' || url.hostname === '') {
    throw new EngineError('22023', `"${text}" is not an S3 address`, { hint: 'Write s3://bucket/prefix.' })
  }
  if (url.username !== '' || url.password !== '') {
    throw new EngineError('22023', 'an S3 address holds no credentials', {
      hint: 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
    })
  }
  const path = decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, '')
  const known = new Set(['endpoint', 'region', 'path_style'])
  for (const name of url.searchParams.keys()) {
    if (!known.has(name)) {
      throw new EngineError('22023', `an S3 address has no parameter "${name}"`, { hint: [...known].join(', ') })
    }
  }
  const pathStyle = url.searchParams.get('path_style')
  return {
    bucket: url.hostname,
    prefix: path === '' ? '' : `${path}/`,
    options: {
      endpoint: url.searchParams.get('endpoint') ?? undefined,
      region: url.searchParams.get('region') ?? undefined,
      pathStyle: pathStyle === null ? undefined : pathStyle === 'true',
    },
  }
}

/** The store of a data directory, for a thread that works beside the server. */
export function openStore(dataDir: string, remote: RemoteState | undefined): ObjectStore {
  return remote ? remoteStore(remote) : openLocalStore(dataDir)
}

/** The same for the server itself, which from now on is the only one to write it. */
export async function claimStore(dataDir: string, remote: RemoteState | undefined): Promise<ObjectStore> {
  if (!remote) return openLocalStore(dataDir)
  if (existsSync(join(dataDir, 'catalog.json'))) {
    throw new EngineError('55000', `the data directory ${dataDir} holds jobs, which ${remote.url} would hide`, {
      hint: 'Start without --checkpoints; or with another --data; or copy its catalog.json and checkpoints/ there first, and move them away.',
    })
  }
  const store = remoteStore(remote)
  await store.claim()
  return store
}

function remoteStore({ url, owner }: RemoteState): S3Store {
  const { bucket, prefix, options } = parseS3Url(url)
  return new S3Store(new S3(bucket, options), prefix, owner)
}
