import { EngineError } from '../../src/base/errors.ts'
import { booleanWord } from '../../src/base/option-parsers.ts'
import type { Option, OptionValues } from '../../src/connector.ts'
import { listInterval, rollingOptions } from '../../src/lake/options.ts'
import type { ReadingOptions } from '../../src/lake/source.ts'
import type { S3Options } from '../../src/storage/s3.ts'

const asGiven = (text: string): string => text

function endpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if ((url?.protocol === 'http:' || url?.protocol === 'https:') && url.username === '') return text
  throw new EngineError('22023', `option endpoint = '${text}' must be a URL such as 'https://s3.example.com'`)
}

function bucket(text: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$/.test(text)) return text
  throw new EngineError('22023', `option bucket = '${text}' is not a bucket's name`, {
    hint: "The folder in it is the option prefix; or say both at once: path = 's3://bucket/prefix'.",
  })
}

function path(text: string): { readonly bucket: string; readonly prefix: string } {
  const match = /^s3a?:\/\/([^/?#]+)(?:\/(.*))?$/.exec(text)
  if (match) return { bucket: bucket(match[1]), prefix: prefix(match[2] ?? '') }
  throw new EngineError('22023', `option path = '${text}' must be 's3://bucket/prefix'`)
}

/** Empty, or a folder with its slash at the end and none before. */
function prefix(text: string): string {
  const trimmed = text.replace(/^\/+|\/+$/g, '')
  return trimmed === '' ? '' : `${trimmed}/`
}

export const s3Options: readonly Option[] = [
  { name: 'path', doc: "Where: 's3://bucket/prefix'. Or say bucket and prefix.", parse: path },
  { name: 'bucket', doc: 'The bucket.', parse: bucket, connection: true },
  { name: 'prefix', doc: 'The folder in the bucket; none: the whole of it.', parse: prefix },
  { name: 'endpoint', doc: 'URL of the service; none: AWS.', parse: endpoint, connection: true },
  { name: 'region', doc: 'Region of the bucket; none: AWS_REGION.', parse: asGiven, connection: true },
  {
    name: 'access_key_id',
    doc: "Login; none: as AWS' own tools find it, in the environment, ~/.aws or the machine's role.",
    parse: asGiven,
    connection: true,
  },
  { name: 'secret_access_key', doc: 'Its secret.', parse: asGiven, connection: true, secret: true },
  { name: 'session_token', doc: 'Of temporary credentials.', parse: asGiven, connection: true, secret: true },
  {
    name: 'path_style',
    doc: 'http://host/bucket/key instead of http://bucket.host/key; true where an endpoint is given.',
    parse: booleanWord('path_style'),
    connection: true,
  },
  {
    name: 'follow',
    doc: "A source waits for new objects; 'false': it ends with those that are there.",
    parse: booleanWord('follow'),
    default: 'true',
  },
  listInterval,
  ...rollingOptions,
]

/** How a source reads. */
export function toReading(values: OptionValues): ReadingOptions {
  return { follow: values.follow as boolean, listMs: values.list_interval as number }
}

/** A bucket, the folder in it, and how to get there. */
export interface S3Place {
  readonly bucket: string
  readonly prefix: string
  readonly client: S3Options
}

/** The door from parsed values to types: each was made by the parser declared above. Throws 22023 when no bucket is named. */
export function toS3Place(values: OptionValues): S3Place {
  const where = values.path as ReturnType<typeof path> | undefined
  const name = where?.bucket ?? (values.bucket as string | undefined)
  if (name === undefined) {
    throw new EngineError('22023', 'connector "s3" needs to know the bucket', {
      hint: "Say path = 's3://bucket/prefix', or bucket and prefix.",
    })
  }
  const client: S3Options = {
    endpoint: values.endpoint as string | undefined,
    region: values.region as string | undefined,
    accessKeyId: values.access_key_id as string | undefined,
    secretAccessKey: values.secret_access_key as string | undefined,
    sessionToken: values.session_token as string | undefined,
    pathStyle: values.path_style as boolean | undefined,
  }
  if ((client.accessKeyId === undefined) !== (client.secretAccessKey === undefined)) {
    throw new EngineError('22023', 'access_key_id and secret_access_key belong together', {
      hint: 'Give both, or neither to take them from the environment.',
    })
  }
  return { bucket: name, prefix: where?.prefix ?? (values.prefix as string | undefined) ?? '', client }
}
