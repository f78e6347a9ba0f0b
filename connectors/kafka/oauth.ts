/** Tokens for SASL OAUTHBEARER: one that was given, or ones of an OAuth 2.0 endpoint by client credentials (RFC 6749, section 4.4). */
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { rootCertificates } from 'node:tls'
import type { Clock } from '../../src/base/clock.ts'
import { EngineError } from '../../src/base/errors.ts'

/** Where to ask for tokens, and as whom. */
export interface ClientCredentials {
  readonly url: string
  readonly clientId: string
  readonly clientSecret: string
  readonly scope: string | undefined
  /** PEM text of an authority to trust for the endpoint, besides the usual ones. */
  readonly ca: string | undefined
}

/** Gives a token that is good now. */
export type TokenSource = (clock: Clock) => Promise<string>

const TIMEOUT_MS = 10_000
/** Tokens with every claim an enterprise can think of have some KiB. */
const ANSWER_BYTES_MAX = 1 << 20
/** The share of a token's or a session's life after which a new one is asked for, as Kafka's own clients do it. */
export const RENEWAL = 0.8
/** What a token may consist of (RFC 6750); a control character would end its place in the login. */
export const TOKEN = /^[\w\-.~+/]+=*$/

/** Asks the endpoint when the last token is past four fifths of its life, once for all who wait. */
export function tokensOf(credentials: ClientCredentials): TokenSource {
  let token: { readonly text: string; readonly renewAtMs: number } | undefined
  let asking: Promise<string> | undefined
  return async clock => {
    if (token && clock.monotonicMs() < token.renewAtMs) return token.text
    asking ??= askToken(credentials).then(answer => {
      const lifeMs = lifetimeMs(answer, clock.nowMs())
      token = { text: answer.text, renewAtMs: clock.monotonicMs() + lifeMs * RENEWAL }
      return answer.text
    })
    try {
      return await asking
    } finally {
      asking = undefined
    }
  }
}

interface Answer {
  readonly text: string
  readonly expiresInS: unknown
}

/** As the endpoint says, else as the token itself does; else it is used once. */
function lifetimeMs({ text, expiresInS }: Answer, nowMs: number): number {
  if (Number(expiresInS) > 0) return Number(expiresInS) * 1000
  const { exp } = parsed(Buffer.from(text.split('.')[1] ?? '', 'base64url').toString())
  return Math.max(0, Number(exp ?? 0) * 1000 - nowMs)
}

async function askToken(credentials: ClientCredentials): Promise<Answer> {
  const { status, text } = await send(credentials)
  const place = `the token endpoint ${new URL(credentials.url).origin}`
  const answer = parsed(text)
  if (status !== 200) {
    const retryable = status >= 500 || status === 429
    const why = String(answer.error_description ?? answer.error ?? '').slice(0, 200)
    throw new EngineError(retryable ? '08001' : '28P01', `${place} answers ${status}${why === '' ? '' : `: ${why}`}`, {
      actor: 'external',
      retryable,
      hint: 'Check sasl_oauthbearer_token_endpoint_url, sasl_oauthbearer_client_id, sasl_oauthbearer_client_secret and sasl_oauthbearer_scope.',
    })
  }
  const token = answer.access_token
  if (typeof token === 'string' && TOKEN.test(token)) return { text: token, expiresInS: answer.expires_in }
  const hint = 'Check that sasl_oauthbearer_token_endpoint_url is the address of tokens, not of the authority.'
  throw new EngineError('08P01', `${place} answers without an access_token`, { actor: 'external', hint })
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {} // an error page; its status tells
  }
}

function send({
  url,
  clientId,
  clientSecret,
  scope,
  ca,
}: ClientCredentials): Promise<{ status: number; text: string }> {
  const body = new URLSearchParams({ grant_type: 'client_credentials', ...(scope === undefined ? {} : { scope }) })
  const headers = { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' }
  const auth = `${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`
  return new Promise((resolve, reject) => {
    const away = (cause: Error): void => {
      const why = cause.message === '' && 'code' in cause ? String(cause.code) : cause.message
      const hint = 'Check sasl_oauthbearer_token_endpoint_url, and that it can be reached from here.'
      const details = { actor: 'external', retryable: true, hint, cause } as const
      reject(new EngineError('08001', `cannot reach the token endpoint ${new URL(url).origin}: ${why}`, details))
    }
    const onAnswer = (answer: IncomingMessage): void => {
      const chunks: Buffer[] = []
      let length = 0
      answer.on('error', away)
      answer.on('data', (chunk: Buffer) => {
        length += chunk.length
        if (length > ANSWER_BYTES_MAX) answer.destroy(new Error(`an answer of more than ${ANSWER_BYTES_MAX} bytes`))
        else chunks.push(chunk)
      })
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString() }))
    }
    const options = { method: 'POST', auth, headers, timeout: TIMEOUT_MS, agent: false as const }
    // The authority of the brokers may be a company's own, and that of the tokens a public one.
    const trusted = ca === undefined ? undefined : [...rootCertificates, ca]
    const request = url.startsWith('https:')
      ? httpsRequest(url, { ...options, ca: trusted }, onAnswer)
      : httpRequest(url, options, onAnswer)
    request.on('timeout', () => request.destroy(new Error(`no answer in ${TIMEOUT_MS / 1000} s`)))
    request.on('error', away)
    request.end(body.toString())
  })
}
