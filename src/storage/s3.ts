import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3'
import { assert } from '../base/assert.ts'
import { s3Error } from './s3-errors.ts'

/** How to reach an S3-compatible service. Whatever is not given comes from where AWS' own tools look: environment, ~/.aws, the machine's role. */
export interface S3Options {
  /** URL; undefined: AWS. */
  readonly endpoint?: string
  readonly region?: string
  readonly accessKeyId?: string
  readonly secretAccessKey?: string
  readonly sessionToken?: string
  /** `http://host/bucket/key` instead of `http://bucket.host/key`. Undefined: where an endpoint is given, for few others than AWS have names for buckets. */
  readonly pathStyle?: boolean
}

export interface S3Object {
  readonly key: string
  readonly size: number
  /** Changes with the content. */
  readonly etag: string
}

type Sdk = typeof import('@aws-sdk/client-s3')

/** Tries of one request, by the SDK with its backoff. Whoever waits longer is the job: it starts again from its checkpoint. */
const ATTEMPTS = 4
const CONNECT_MS = 5000
/** Without a byte; a request of a large part over a slow line sends them all the while. */
const SILENCE_MS = 30_000

/**
 * One bucket. The only door to the SDK, which is loaded with the first request: who uses no S3 does not pay for it. Every error is an
 * EngineError that says what to do. Bodies are signed by their SHA-256, so what arrives is what was sent.
 */
export class S3 {
  readonly bucket: string
  readonly #options: S3Options
  #opened: Promise<{ sdk: Sdk; client: S3Client }> | undefined

  constructor(bucket: string, options: S3Options) {
    this.bucket = bucket
    this.#options = options
  }

  /** The whole object; undefined when there is none. */
  async get(key: string): Promise<Buffer | undefined> {
    return await this.#run('GetObject', key, async ({ sdk, client }) => {
      try {
        const { Body } = await client.send(new sdk.GetObjectCommand({ Bucket: this.bucket, Key: key }))
        return Body && bufferOf(await Body.transformToByteArray())
      } catch (error) {
        if (error instanceof sdk.NoSuchKey) return undefined
        throw error
      }
    })
  }

  /** Bytes [start, end) of the object as it was when its etag was seen. */
  async range(object: Pick<S3Object, 'key' | 'etag'>, start: number, end: number): Promise<Buffer> {
    return await this.#run('GetObject', object.key, async ({ sdk, client }) => {
      const Range = `bytes=${start}-${end - 1}`
      const command = new sdk.GetObjectCommand({ Bucket: this.bucket, Key: object.key, Range, IfMatch: object.etag })
      const { Body } = await client.send(command)
      assert(Body !== undefined, 'an answer has a body')
      return bufferOf(await Body.transformToByteArray())
    })
  }

  async head(key: string): Promise<S3Object | undefined> {
    return await this.#run('HeadObject', key, async ({ sdk, client }) => {
      try {
        const head = await client.send(new sdk.HeadObjectCommand({ Bucket: this.bucket, Key: key }))
        return { key, size: head.ContentLength ?? 0, etag: head.ETag ?? '' }
      } catch (error) {
        if (error instanceof sdk.NotFound) return undefined
        throw error
      }
    })
  }

  async put(key: string, body: Uint8Array): Promise<void> {
    await this.#run('PutObject', key, ({ sdk, client }) =>
      client.send(new sdk.PutObjectCommand({ Bucket: this.bucket, Key: key, Body: body })),
    )
  }

  /** Nothing happens when there is none. */
  async delete(key: string): Promise<void> {
    await this.#run('DeleteObject', key, ({ sdk, client }) =>
      client.send(new sdk.DeleteObjectCommand({ Bucket: this.bucket, Key: key })),
    )
  }

  /** Objects whose keys begin with `prefix` and come after `after`, in the order of their bytes, a page a step. */
  async *list(prefix: string, after?: string): AsyncGenerator<readonly S3Object[], void, undefined> {
    let token: string | undefined
    do {
      const page = await this.#run('ListBucket', prefix, ({ sdk, client }) =>
        client.send(
          new sdk.ListObjectsV2Command({
            Bucket: this.bucket,
            Prefix: prefix,
            StartAfter: after,
            ContinuationToken: token,
          }),
        ),
      )
      yield (page.Contents ?? []).map(({ Key = '', Size = 0, ETag = '' }) => ({ key: Key, size: Size, etag: ETag }))
      token = page.IsTruncated ? page.NextContinuationToken : undefined
    } while (token !== undefined)
  }

  /** Begins an object that is invisible until `complete`; answers the upload's id. */
  async beginUpload(key: string): Promise<string> {
    return await this.#run('PutObject', key, async ({ sdk, client }) => {
      const { UploadId } = await client.send(new sdk.CreateMultipartUploadCommand({ Bucket: this.bucket, Key: key }))
      assert(UploadId !== undefined, 'an upload has an id')
      return UploadId
    })
  }

  /** Part `number` from 1; all but the last have at least 5 MiB. Answers its etag. */
  async uploadPart(key: string, uploadId: string, number: number, body: Uint8Array): Promise<string> {
    return await this.#run('PutObject', key, async ({ sdk, client }) => {
      const part = { Bucket: this.bucket, Key: key, UploadId: uploadId, PartNumber: number, Body: body }
      return (await client.send(new sdk.UploadPartCommand(part))).ETag ?? ''
    })
  }

  /** Makes the object visible. False: there is no such upload; it may have been completed before. */
  async complete(key: string, uploadId: string, etags: readonly string[]): Promise<boolean> {
    return await this.#run('PutObject', key, async ({ sdk, client }) => {
      const Parts = etags.map((ETag, i) => ({ ETag, PartNumber: i + 1 }))
      try {
        const what = { Bucket: this.bucket, Key: key, UploadId: uploadId, MultipartUpload: { Parts } }
        await client.send(new sdk.CompleteMultipartUploadCommand(what))
        return true
      } catch (error) {
        if (error instanceof sdk.NoSuchUpload || nameOf(error) === 'NoSuchUpload') return false
        throw error
      }
    })
  }

  /** Nothing happens when there is none. */
  async abort(key: string, uploadId: string): Promise<void> {
    await this.#run('AbortMultipartUpload', key, async ({ sdk, client }) => {
      try {
        await client.send(new sdk.AbortMultipartUploadCommand({ Bucket: this.bucket, Key: key, UploadId: uploadId }))
      } catch (error) {
        if (nameOf(error) !== 'NoSuchUpload') throw error
      }
    })
  }

  /** Uploads under way whose keys begin with `prefix`. */
  async uploads(prefix: string): Promise<{ readonly key: string; readonly uploadId: string }[]> {
    const found: { key: string; uploadId: string }[] = []
    let KeyMarker: string | undefined
    let UploadIdMarker: string | undefined
    for (;;) {
      const page = await this.#run('ListBucketMultipartUploads', prefix, ({ sdk, client }) =>
        client.send(
          new sdk.ListMultipartUploadsCommand({ Bucket: this.bucket, Prefix: prefix, KeyMarker, UploadIdMarker }),
        ),
      )
      found.push(...(page.Uploads ?? []).map(({ Key = '', UploadId = '' }) => ({ key: Key, uploadId: UploadId })))
      if (!page.IsTruncated) return found
      KeyMarker = page.NextKeyMarker
      UploadIdMarker = page.NextUploadIdMarker
    }
  }

  async close(): Promise<void> {
    const opened = await this.#opened?.catch(() => undefined)
    this.#opened = undefined
    opened?.client.destroy()
  }

  async #run<T>(action: string, key: string, work: (opened: { sdk: Sdk; client: S3Client }) => Promise<T>): Promise<T> {
    try {
      this.#opened ??= this.#open()
      return await work(await this.#opened)
    } catch (error) {
      throw s3Error(error, { action, bucket: this.bucket, key, endpoint: this.#options.endpoint })
    }
  }

  async #open(): Promise<{ sdk: Sdk; client: S3Client }> {
    const sdk = await import('@aws-sdk/client-s3')
    const { endpoint, region, accessKeyId, secretAccessKey, sessionToken, pathStyle } = this.#options
    const config: S3ClientConfig = {
      maxAttempts: ATTEMPTS,
      requestHandler: { connectionTimeout: CONNECT_MS, socketTimeout: SILENCE_MS },
      // Trailing checksums are not understood everywhere; the signature covers the body.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      forcePathStyle: pathStyle ?? endpoint !== undefined,
    }
    if (endpoint !== undefined) config.endpoint = endpoint
    // Others than AWS mostly ignore it, and it must be there to sign.
    if (region !== undefined) config.region = region
    else if (endpoint !== undefined && process.env.AWS_REGION === undefined) config.region = 'us-east-1'
    if (accessKeyId !== undefined && secretAccessKey !== undefined) {
      config.credentials = { accessKeyId, secretAccessKey, sessionToken }
    }
    return { sdk, client: new sdk.S3Client(config) }
  }
}

function nameOf(error: unknown): string | undefined {
  return error instanceof Error ? error.name : undefined
}

/** Without a copy. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
