import { EngineError, type ErrorDetails } from '../base/errors.ts'

/** What was being done when it went wrong; `action` is the permission it needs, without `s3:`. */
export interface S3Request {
  readonly action: string
  readonly bucket: string
  readonly key: string
  readonly endpoint: string | undefined
}

interface Told {
  readonly sqlState: string
  readonly message: string
  readonly hint: string
  readonly retryable?: boolean
}

const BAD_CREDENTIALS = new Set([
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'InvalidToken',
  'ExpiredToken',
  'TokenRefreshRequired',
  'InvalidClientTokenId',
])
const NETWORK =
  /^(E(CONN(REFUSED|RESET|ABORTED)|PIPE|HOSTUNREACH|NETUNREACH|TIMEDOUT|AI_AGAIN)|ENOTFOUND|TimeoutError)$/
const FULL = /QuotaExceeded|StorageFull|InsufficientStorage|InsufficientCapacity/i

/** What an S3 service or the way to it answered, as one line with what to do. Others pass through. Holds no secrets: the SDK's errors do not. */
export function s3Error(error: unknown, request: S3Request): unknown {
  if (error instanceof EngineError || !(error instanceof Error)) return error
  const { sqlState, message, hint, retryable = false } = tell(error, request)
  const details: ErrorDetails = { detail: error.message, hint, actor: 'external', retryable, cause: error }
  return new EngineError(sqlState, message, details)
}

function tell(error: Error, { action, bucket, key, endpoint }: S3Request): Told {
  const at = endpoint ?? 'AWS'
  const status = statusOf(error)
  const code = 'code' in error ? String(error.code) : error.name
  if (error.name === 'NoSuchBucket') {
    return {
      sqlState: '58P01',
      message: `there is no bucket ${bucket} at ${at}`,
      hint: 'Create it, or mend the name.',
    }
  }
  if (BAD_CREDENTIALS.has(error.name)) {
    const hint = 'Check access_key_id and secret_access_key, or the environment they come from, and the clock.'
    return { sqlState: '28000', message: `S3 at ${at} refuses the credentials (${error.name})`, hint }
  }
  if (error.name === 'CredentialsProviderError') {
    const hint = 'Give access_key_id and secret_access_key, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.'
    return { sqlState: '28000', message: `there are no credentials for S3 at ${at}`, hint }
  }
  if (error.name === 'PermanentRedirect' || error.name === 'AuthorizationHeaderMalformed' || status === 301) {
    const hint = "Give the bucket's region: region = 'eu-central-1', say."
    return { sqlState: '22023', message: `bucket ${bucket} is in another region`, hint }
  }
  if (/region is missing/i.test(error.message)) {
    return {
      sqlState: '22023',
      message: `the region of bucket ${bucket} is not known`,
      hint: 'Give the option region, or set AWS_REGION.',
    }
  }
  if (error.name === 'PreconditionFailed' || status === 412) {
    const hint = 'Objects that are read must not be written again under their names.'
    return { sqlState: '55000', message: `object ${key} of bucket ${bucket} was replaced while it was read`, hint }
  }
  if (status === 404) {
    return {
      sqlState: '58P01',
      message: `there is no object ${key} in bucket ${bucket}`,
      hint: 'It was deleted after it was listed.',
    }
  }
  if (status === 507 || FULL.test(error.name)) {
    const hint = 'Free space or raise the quota; it is tried again.'
    return { sqlState: '53100', message: `bucket ${bucket} at ${at} is full`, hint, retryable: true }
  }
  if (status === 403) {
    const hint = `The credentials need s3:${action} on it.`
    return { sqlState: '42501', message: `S3 at ${at} does not allow ${action} in bucket ${bucket}`, hint }
  }
  if (status === undefined && (NETWORK.test(code) || NETWORK.test(error.name) || 'errno' in error)) {
    const hint = 'Check the endpoint and that the service runs; it is tried again.'
    return { sqlState: '08001', message: `cannot reach S3 at ${at} (${code})`, hint, retryable: true }
  }
  const retryable = status === undefined || status >= 500 || status === 429
  const hint = retryable ? 'It is tried again.' : 'See the detail.'
  return { sqlState: '58030', message: `S3 at ${at} failed at ${action} (${error.name})`, hint, retryable }
}

function statusOf(error: Error): number | undefined {
  const metadata: unknown = '$metadata' in error ? error.$metadata : undefined
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined
}
