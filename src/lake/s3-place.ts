import { assert } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { S3 } from '../storage/s3.ts'
import { S3Store } from '../storage/s3-store.ts'
import { OWN_FOLDER, type Place, type Staged } from './place.ts'

/** At least the 5 MiB that S3 asks of a part; at most 10,000 parts, so files up to 156 GiB. */
const PART_BYTES = 16 << 20

/**
 * Objects under `prefix`, which is empty or ends with a slash. A staged one is a multipart upload with all its parts: it is no object, and
 * nobody sees it, until it is completed. `id` begins the name of every object of this sink.
 */
export function openS3Place(s3: S3, prefix: string, id: string, log: Logger): Place {
  return {
    own: new S3Store(s3, `${prefix}${OWN_FOLDER}/${id}/`),
    stage: async (key, parts) => {
      const body = Buffer.concat(parts)
      const name = prefix + key
      const uploadId = await s3.beginUpload(name)
      const etags: string[] = []
      for (let at = 0; at < body.length; at += PART_BYTES) {
        etags.push(await s3.uploadPart(name, uploadId, etags.length + 1, body.subarray(at, at + PART_BYTES)))
      }
      return { name, uploadId, etags, size: body.length }
    },
    publish: async staged => {
      const { name, uploadId, etags, size } = uploadOf(staged)
      if (await s3.complete(name, uploadId, etags)) return
      const there = await s3.head(name)
      if (there?.size === size) return // an earlier try has completed it
      throw new EngineError('58030', `the upload of ${name} to bucket ${s3.bucket} is gone before it was completed`, {
        actor: 'external',
        hint: 'A lifecycle rule of the bucket may have aborted it while the job was down; its rows must be read again by a new sink.',
      })
    },
    sweep: async () => {
      const left = await s3.uploads(prefix).catch(error => {
        if (!(error instanceof EngineError) || error.sqlState !== '42501') throw error
        log.warn(
          { bucket: s3.bucket, error: error.message },
          'uploads left by a crash cannot be looked for; they cost space',
        )
        return []
      })
      for (const { key, uploadId } of left) {
        if (key.slice(key.lastIndexOf('/') + 1).startsWith(`${id}-`)) await s3.abort(key, uploadId)
      }
    },
    close: () => s3.close(),
  }
}

function uploadOf(staged: Staged) {
  const { name, uploadId, etags, size } = staged
  assert(typeof name === 'string' && typeof uploadId === 'string' && typeof size === 'number', 'staged by this place')
  assert(Array.isArray(etags), 'staged by this place')
  return { name, uploadId, etags: etags.map(String), size }
}
