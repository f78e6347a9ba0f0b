/** Numbers of PulsarApi.proto: a command's type is also its field in BaseCommand. */
import { EngineError } from '../../src/base/errors.ts'

export const Command = {
  connect: 2,
  connected: 3,
  subscribe: 4,
  message: 9,
  flow: 11,
  success: 13,
  error: 14,
  closeConsumer: 16,
  ping: 18,
  pong: 19,
  partitionedMetadata: 21,
  partitionedMetadataResponse: 22,
  lookup: 23,
  lookupResponse: 24,
  seek: 28,
  getLastMessageId: 29,
  getLastMessageIdResponse: 30,
  authChallenge: 36,
  authResponse: 37,
} as const

/** Where a request carries its id. */
export const REQUEST_ID_FIELD: ReadonlyMap<number, number> = new Map([
  [Command.subscribe, 5],
  [Command.closeConsumer, 2],
  [Command.partitionedMetadata, 2],
  [Command.lookup, 2],
  [Command.seek, 2],
  [Command.getLastMessageId, 2],
])

/** Where an answer repeats the id of its request. */
export const ANSWER_ID_FIELD: ReadonlyMap<number, number> = new Map([
  [Command.success, 1],
  [Command.error, 1],
  [Command.partitionedMetadataResponse, 2],
  [Command.lookupResponse, 4],
  [Command.getLastMessageIdResponse, 2],
])

/** The broker's error codes that are handled by name. */
export const ServerError = { authentication: 3, authorization: 4, topicNotFound: 11, invalidTopicName: 17 } as const

/** Unknown, metadata, persistence, consumer busy, not ready, checksum, consumer gone, too many requests, being assigned: another try may do. */
const RETRYABLE: readonly number[] = [0, 1, 2, 5, 6, 9, 13, 14, 19]

/** What the broker answered, as people need it. */
export function brokerError(code: number, doing: string, message: string): EngineError {
  const first = message.split('\n')[0]
  const text = `Pulsar cannot ${doing}: ${first || `error ${code}`}`
  if (code === ServerError.authentication)
    return new EngineError('28000', text, {
      actor: 'external',
      hint: 'Check the option token, or the client certificate.',
    })
  if (code === ServerError.authorization)
    return new EngineError('42501', text, {
      actor: 'external',
      hint: 'Grant the role consume on the namespace or topic.',
    })
  if (code === ServerError.topicNotFound)
    return new EngineError('42P01', text, {
      hint: "Topics are named 'tenant/namespace/topic'; 'topic' alone is in public/default.",
    })
  return new EngineError('58030', text, { actor: 'external', retryable: RETRYABLE.includes(code) })
}
