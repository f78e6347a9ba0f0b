/** Numbers of PulsarApi.proto: a command's type is also its field in BaseCommand. */
import { EngineError } from '../../src/base/errors.ts'

export const Command = {
  connect: 2,
  connected: 3,
  subscribe: 4,
  producer: 5,
  send: 6,
  sendReceipt: 7,
  sendError: 8,
  message: 9,
  ack: 10,
  flow: 11,
  unsubscribe: 12,
  success: 13,
  error: 14,
  closeProducer: 15,
  closeConsumer: 16,
  producerSuccess: 17,
  ping: 18,
  pong: 19,
  partitionedMetadata: 21,
  partitionedMetadataResponse: 22,
  lookup: 23,
  lookupResponse: 24,
  consumerStats: 25,
  consumerStatsResponse: 26,
  seek: 28,
  getLastMessageId: 29,
  getLastMessageIdResponse: 30,
  getTopics: 32,
  getTopicsResponse: 33,
  getSchema: 34,
  getSchemaResponse: 35,
  authChallenge: 36,
  authResponse: 37,
  ackResponse: 38,
  newTransaction: 50,
  newTransactionResponse: 51,
  addPartition: 52,
  addPartitionResponse: 53,
  endTransaction: 56,
  endTransactionResponse: 57,
  coordinatorConnect: 62,
  coordinatorConnectResponse: 63,
} as const

/** Where a request carries its id. */
export const REQUEST_ID_FIELD: ReadonlyMap<number, number> = new Map([
  [Command.subscribe, 5],
  [Command.producer, 3],
  [Command.ack, 8],
  [Command.unsubscribe, 2],
  [Command.consumerStats, 1],
  [Command.getTopics, 1],
  [Command.getSchema, 1],
  [Command.closeConsumer, 2],
  [Command.closeProducer, 2],
  [Command.partitionedMetadata, 2],
  [Command.lookup, 2],
  [Command.seek, 2],
  [Command.getLastMessageId, 2],
  [Command.newTransaction, 1],
  [Command.addPartition, 1],
  [Command.endTransaction, 1],
  [Command.coordinatorConnect, 1],
])

/** Where an answer repeats the id of its request. */
export const ANSWER_ID_FIELD: ReadonlyMap<number, number> = new Map([
  [Command.success, 1],
  [Command.error, 1],
  [Command.producerSuccess, 1],
  [Command.ackResponse, 6],
  [Command.consumerStatsResponse, 1],
  [Command.getTopicsResponse, 1],
  [Command.getSchemaResponse, 1],
  [Command.partitionedMetadataResponse, 2],
  [Command.lookupResponse, 4],
  [Command.getLastMessageIdResponse, 2],
  [Command.newTransactionResponse, 1],
  [Command.addPartitionResponse, 1],
  [Command.endTransactionResponse, 1],
  [Command.coordinatorConnectResponse, 1],
])

/** Answers that may be a refusal themselves: where the code and the message are. */
export const ANSWER_ERROR_FIELDS: ReadonlyMap<number, readonly [code: number, message: number]> = new Map([
  [Command.error, [2, 3]],
  [Command.ackResponse, [4, 5]],
  [Command.consumerStatsResponse, [2, 3]],
  [Command.getSchemaResponse, [2, 3]],
  [Command.newTransactionResponse, [4, 5]],
  [Command.addPartitionResponse, [4, 5]],
  [Command.endTransactionResponse, [4, 5]],
  [Command.coordinatorConnectResponse, [2, 3]],
])

/** The broker's error codes that are handled by name. */
export const ServerError = {
  authentication: 3,
  authorization: 4,
  quotaExceeded: 7,
  quotaExceededToo: 8,
  topicNotFound: 11,
  topicTerminated: 15,
  producerBusy: 16,
  invalidTopicName: 17,
  incompatibleSchema: 18,
  coordinatorNotFound: 20,
  invalidTransactionStatus: 21,
  transactionNotFound: 24,
  producerFenced: 25,
} as const

/**
 * Unknown, metadata, persistence, consumer busy, not ready, quota (somebody may read), checksum, consumer gone, too many requests,
 * producer busy, being assigned, coordinator not loaded yet: another try may do.
 */
const RETRYABLE: readonly number[] = [0, 1, 2, 5, 6, 7, 8, 9, 13, 14, 16, 19, 20]

/** SQLSTATE and what to do, by code. */
const KNOWN: ReadonlyMap<number, readonly [sqlState: string, hint: string]> = new Map([
  [ServerError.authentication, ['28000', 'Check the option token, or the client certificate.']],
  [
    ServerError.authorization,
    ['42501', 'Grant the role consume (to read) or produce (to write) on the namespace or topic.'],
  ],
  [ServerError.quotaExceeded, ['53100', 'The backlog of a subscription is full: read it, or raise its quota.']],
  [ServerError.quotaExceededToo, ['53100', 'The backlog of a subscription is full: read it, or raise its quota.']],
  [
    ServerError.topicNotFound,
    ['42P01', "Topics are named 'tenant/namespace/topic'; 'topic' alone is in public/default."],
  ],
  [ServerError.topicTerminated, ['55000', 'The topic was terminated: nothing can be written to it any more.']],
  [ServerError.incompatibleSchema, ['42804', "Change the columns, or the namespace's schema compatibility strategy."]],
])

/** What a broker refused, by its own code. */
export class BrokerError extends EngineError {
  readonly code: number

  constructor(sqlState: string, message: string, code: number, hint: string | undefined) {
    super(sqlState, message, { actor: 'external', retryable: RETRYABLE.includes(code), hint })
    this.code = code
  }
}

/** What the broker answered, as people need it. */
export function brokerError(code: number, doing: string, message: string): BrokerError {
  const first = message.split('\n')[0].replace(/^[\w.$]+Exception(?:\$\w+)?: /, '')
  const [sqlState, hint] = KNOWN.get(code) ?? ['58030', undefined]
  return new BrokerError(sqlState, `Pulsar cannot ${doing}: ${first || `error ${code}`}`, code, hint)
}
