import { EngineError } from '../../src/base/errors.ts'

/** The answers that this client tells apart, by name. https://kafka.apache.org/protocol#protocol_error_codes */
export const Code = {
  none: 0,
  offsetOutOfRange: 1,
  corruptMessage: 2,
  unknownTopicOrPartition: 3,
  leaderNotAvailable: 5,
  notLeader: 6,
  messageTooLarge: 10,
  coordinatorLoading: 14,
  coordinatorNotAvailable: 15,
  notCoordinator: 16,
  recordListTooLarge: 18,
  topicAuthorizationFailed: 29,
  clusterAuthorizationFailed: 31,
  topicAlreadyExists: 36,
  outOfOrderSequence: 45,
  duplicateSequence: 46,
  invalidProducerEpoch: 47,
  invalidTxnState: 48,
  invalidProducerIdMapping: 49,
  invalidTransactionTimeout: 50,
  concurrentTransactions: 51,
  unknownProducerId: 59,
  unstableOffsetCommit: 88,
  producerFenced: 90,
} as const

interface Meaning {
  readonly name: string
  /** SQLSTATE; 08006 when not said. */
  readonly state?: string
  readonly retryable?: boolean
  readonly hint?: string
}

const rights = 'Give the user of this connection the right for it, or connect as another user.'
const restart = 'Start the job again; it goes on from its last checkpoint.'

const meanings: ReadonlyMap<number, Meaning> = new Map<number, Meaning>([
  [-1, { name: 'UNKNOWN_SERVER_ERROR', hint: "The broker's log says why." }],
  [1, { name: 'OFFSET_OUT_OF_RANGE', state: '58030' }],
  [2, { name: 'CORRUPT_MESSAGE', state: '58030', retryable: true }],
  [3, { name: 'UNKNOWN_TOPIC_OR_PARTITION', state: '42P01', retryable: true }],
  [5, { name: 'LEADER_NOT_AVAILABLE', retryable: true }],
  [6, { name: 'NOT_LEADER_OR_FOLLOWER', retryable: true }],
  [7, { name: 'REQUEST_TIMED_OUT', retryable: true }],
  [8, { name: 'BROKER_NOT_AVAILABLE', retryable: true }],
  [9, { name: 'REPLICA_NOT_AVAILABLE', retryable: true }],
  [10, { name: 'MESSAGE_TOO_LARGE', state: '54000' }],
  [13, { name: 'NETWORK_EXCEPTION', retryable: true }],
  [14, { name: 'COORDINATOR_LOAD_IN_PROGRESS', retryable: true }],
  [15, { name: 'COORDINATOR_NOT_AVAILABLE', retryable: true }],
  [16, { name: 'NOT_COORDINATOR', retryable: true }],
  [
    17,
    { name: 'INVALID_TOPIC_EXCEPTION', state: '42602', hint: 'Topic names have letters, digits, ".", "_" and "-".' },
  ],
  [18, { name: 'RECORD_LIST_TOO_LARGE', state: '54000' }],
  [19, { name: 'NOT_ENOUGH_REPLICAS', retryable: true }],
  [20, { name: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', retryable: true }],
  [29, { name: 'TOPIC_AUTHORIZATION_FAILED', state: '42501', hint: rights }],
  [30, { name: 'GROUP_AUTHORIZATION_FAILED', state: '42501', hint: rights }],
  [31, { name: 'CLUSTER_AUTHORIZATION_FAILED', state: '42501', hint: rights }],
  [
    32,
    {
      name: 'INVALID_TIMESTAMP',
      state: '22008',
      hint: "The topic's message.timestamp.before.max.ms and message.timestamp.after.max.ms say how far from now times may be.",
    },
  ],
  [33, { name: 'UNSUPPORTED_SASL_MECHANISM', state: '28000', hint: 'Set sasl_mechanism to one the broker offers.' }],
  [35, { name: 'UNSUPPORTED_VERSION', state: '0A000', hint: 'This program needs Kafka 2.8 or newer.' }],
  [36, { name: 'TOPIC_ALREADY_EXISTS', state: '42P07' }],
  [37, { name: 'INVALID_PARTITIONS', state: '22023' }],
  [
    38,
    {
      name: 'INVALID_REPLICATION_FACTOR',
      state: '22023',
      hint: 'replication_factor is at most the number of brokers.',
    },
  ],
  [40, { name: 'INVALID_CONFIG', state: '22023', hint: 'See topic_config, cleanup_policy and retention_ms.' }],
  [41, { name: 'NOT_CONTROLLER', retryable: true }],
  [44, { name: 'POLICY_VIOLATION', state: '42501' }],
  [45, { name: 'OUT_OF_ORDER_SEQUENCE_NUMBER', state: '58030', hint: restart }],
  [47, { name: 'INVALID_PRODUCER_EPOCH', state: '58030', hint: restart }],
  [48, { name: 'INVALID_TXN_STATE', state: '58030', hint: restart }],
  [49, { name: 'INVALID_PRODUCER_ID_MAPPING', state: '58030', hint: restart }],
  [
    50,
    {
      name: 'INVALID_TRANSACTION_TIMEOUT',
      state: '22023',
      hint: "Lower transaction_timeout_ms to the broker's transaction.max.timeout.ms.",
    },
  ],
  [51, { name: 'CONCURRENT_TRANSACTIONS', retryable: true }],
  [53, { name: 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED', state: '42501', hint: rights }],
  [56, { name: 'KAFKA_STORAGE_ERROR', state: '58030', retryable: true }],
  [58, { name: 'SASL_AUTHENTICATION_FAILED', state: '28P01', hint: 'Check sasl_username and sasl_password.' }],
  [59, { name: 'UNKNOWN_PRODUCER_ID', state: '58030', hint: restart }],
  [72, { name: 'LISTENER_NOT_FOUND', retryable: true }],
  [73, { name: 'TOPIC_DELETION_DISABLED', state: '42501', hint: 'Set delete.topic.enable=true at the brokers.' }],
  [74, { name: 'FENCED_LEADER_EPOCH', retryable: true }],
  [75, { name: 'UNKNOWN_LEADER_EPOCH', retryable: true }],
  [78, { name: 'OFFSET_NOT_AVAILABLE', retryable: true }],
  [
    87,
    {
      name: 'INVALID_RECORD',
      state: '22000',
      hint: 'A compacted topic takes only records with a key: give the sink a key.',
    },
  ],
  [88, { name: 'UNSTABLE_OFFSET_COMMIT', retryable: true }],
  [89, { name: 'THROTTLING_QUOTA_EXCEEDED', retryable: true }],
  [
    90,
    {
      name: 'PRODUCER_FENCED',
      state: '58030',
      hint: 'Another process runs a job of the same name, or the transaction was open too long.',
    },
  ],
  [120, { name: 'TRANSACTION_ABORTABLE', state: '58030', hint: restart }],
])

/** Waiting, perhaps with fresh metadata, may help. */
export function isRetryable(code: number): boolean {
  return meanings.get(code)?.retryable === true
}

/** An error code in an answer, as an error that says what was being done. `hint` takes the place of the usual one. */
export function brokerError(code: number, doing: string, detail?: string | null, hint?: string): EngineError {
  const meaning = meanings.get(code)
  const name = meaning?.name ?? `error ${code}`
  return new EngineError(meaning?.state ?? '08006', `Kafka answered ${name} to: ${doing}`, {
    actor: 'external',
    retryable: meaning?.retryable ?? false,
    hint: hint ?? meaning?.hint,
    detail: detail ?? undefined,
  })
}
