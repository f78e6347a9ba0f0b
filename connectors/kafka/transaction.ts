/**
 * Exactly once by resumed transactions. One transactional id a sink; version 2 of the protocol (Kafka 4.0), in which the broker
 * raises the epoch at each end, so that nobody's late request can reach into the next transaction.
 *
 *   records … ─ all acknowledged ─ mark(checkpoint) ─ checkpoint durable ─ commit ─ records of the next …
 *
 * A crash before the checkpoint is durable: the next process's `begin` aborts what is open. A crash after: it commits with the
 * producer id and epoch that the checkpoint remembers. The mark, an offset committed in the same transaction whose metadata
 * names this very transaction, tells committed from aborted where the broker's answer does not.
 */
import { EngineError } from '../../src/base/errors.ts'
import type { Prepared } from '../../src/connector.ts'
import type { ProducerIdentity } from './batch-writer.ts'
import type { Cluster } from './cluster.ts'
import type { Api } from './connection.ts'
import { brokerError, Code } from './error-codes.ts'
import { notedOffset } from './offsets.ts'
import { PRODUCE } from './producer.ts'
import type { Reader } from './wire.ts'

const INIT_PRODUCER_ID: Api = { name: 'InitProducerId', key: 22, version: 4, flexible: true }
const END_TXN: Api = { name: 'EndTxn', key: 26, version: 5, flexible: true }
const TXN_OFFSET_COMMIT: Api = { name: 'TxnOffsetCommit', key: 28, version: 5, flexible: true }

/** A transaction with everything in it, waiting for its checkpoint. */
export interface PreparedTransaction extends ProducerIdentity {
  readonly transactionalId: string
  /** The group and topic that hold the mark. */
  readonly group: string
  readonly topic: string
  readonly checkpoint: number
}

/** Throws when a checkpoint's text is not of this sink. */
export function parsePrepared(prepared: Prepared): PreparedTransaction {
  const { transactionalId, group, topic, producerId, epoch, checkpoint } = prepared
  if (typeof transactionalId === 'string' && typeof group === 'string' && typeof topic === 'string')
    if (typeof producerId === 'number' && typeof epoch === 'number' && typeof checkpoint === 'number')
      return { transactionalId, group, topic, producerId, epoch, checkpoint }
  throw new EngineError('XX001', 'the checkpoint does not hold a Kafka transaction', {
    detail: JSON.stringify(prepared),
  })
}

/** A fresh identity. With a transactional id it fences whoever had the id and aborts what they left open. */
export async function initProducer(
  cluster: Cluster,
  id: string | undefined,
  transactionMs: number,
  timeoutMs: number,
): Promise<ProducerIdentity> {
  const doing = id === undefined ? 'get a producer id' : `get a producer id for transactions of ${id}`
  const ask = async (): Promise<{ code: number; value: ProducerIdentity }> => {
    const connection = id === undefined ? await cluster.any() : await cluster.coordinator('transaction', id)
    const reader = await connection.request(INIT_PRODUCER_ID, w =>
      w
        .compactString(id ?? null)
        .int32(transactionMs)
        .int64(-1)
        .int16(-1)
        .tags(),
    )
    reader.int32()
    const code = reader.int16()
    if (code !== Code.none) {
      cluster.forgetCoordinators()
      // The broker names its own right, IDEMPOTENT_WRITE of the cluster; it goes with that to write to any topic.
      const hint = 'Give the user of this connection the right to write to the topic, or connect as another user.'
      throw brokerError(code, doing, undefined, code === Code.clusterAuthorizationFailed ? hint : undefined)
    }
    return { code, value: { producerId: reader.int64(), epoch: reader.int16() } }
  }
  return (await cluster.retrying(timeoutMs, ask)).value
}

/** Throws 0A000 unless the cluster speaks and has switched on version 2 of transactions. */
export async function requireTransactions(cluster: Cluster): Promise<void> {
  const { abilities, address } = await cluster.any()
  const speaks = [PRODUCE, END_TXN, TXN_OFFSET_COMMIT].every(
    api => (abilities.versions.get(api.key)?.max ?? -1) >= api.version,
  )
  if (speaks && (abilities.features.get('transaction.version') ?? 0) >= 2) return
  const hint = speaks
    ? "Switch it on by 'kafka-features.sh upgrade --feature transaction.version=2', or say delivery = 'at_least_once'."
    : "Use Kafka 4.0 or newer, or say delivery = 'at_least_once'."
  throw new EngineError('0A000', `Kafka at ${address} has no transactions of version 2, which exactly once needs`, {
    actor: 'external',
    hint,
  })
}

/** Notes the checkpoint in the open transaction: becomes visible with it, or not at all. */
export async function markTransaction(
  cluster: Cluster,
  prepared: PreparedTransaction,
  timeoutMs: number,
): Promise<void> {
  const { transactionalId, group, topic, producerId, epoch, checkpoint } = prepared
  const doing = `note checkpoint ${checkpoint} in the transaction of ${transactionalId}`
  const { code } = await cluster.askCoordinator(
    'group',
    group,
    TXN_OFFSET_COMMIT,
    doing,
    timeoutMs,
    w => {
      w.compactString(transactionalId).compactString(group).int64(producerId).int16(epoch)
      w.int32(-1).compactString('').compactString(null)
      w.compactArray([topic], () => {
        w.compactString(topic)
        w.compactArray([0], partition =>
          w.int32(partition).int64(checkpoint).int32(-1).compactString(markText(prepared)).tags(),
        )
        w.tags()
      })
      w.tags()
    },
    reader => {
      reader.int32()
      let code: number = Code.none
      reader.compactArray(() => {
        reader.compactString()
        reader.compactArray(() => {
          reader.int32()
          code = reader.int16()
          reader.tags()
        })
        reader.tags()
      })
      return { code, value: undefined }
    },
  )
  if (code !== Code.none) throw brokerError(code, doing)
}

/**
 * Commits a prepared transaction, also one of a process that is gone, also again. Gives the identity for the next one;
 * undefined when it had ended before, by commit or by abort, and somebody has gone on since: `requireCommitted` tells which.
 */
export async function commitTransaction(
  cluster: Cluster,
  prepared: PreparedTransaction,
  timeoutMs: number,
): Promise<ProducerIdentity | undefined> {
  const { code, value } = await endTransaction(cluster, prepared, true, timeoutMs)
  if (code === Code.none) return value
  const ended: readonly number[] = [
    Code.invalidProducerEpoch,
    Code.invalidTxnState,
    Code.invalidProducerIdMapping,
    Code.producerFenced,
  ]
  if (ended.includes(code)) return undefined
  throw brokerError(code, `commit the transaction of ${prepared.transactionalId}`)
}

/**
 * Throws when a transaction that has ended was aborted: its output is lost. A later transaction may be open; its mark does not
 * count, and is not waited for, because ours ended before that could begin.
 */
export async function requireCommitted(
  cluster: Cluster,
  prepared: PreparedTransaction,
  timeoutMs: number,
): Promise<void> {
  const { metadata } = await notedOffset(cluster, prepared.group, prepared.topic, 0, timeoutMs)
  if (metadata === markText(prepared)) return
  const [, checkpoint, producerId, epoch] =
    /^tidemark checkpoint (\d+) producer (\d+) epoch (\d+)$/.exec(metadata) ?? []
  if (
    Number(producerId) === prepared.producerId &&
    Number(epoch) > prepared.epoch &&
    Number(checkpoint) > prepared.checkpoint
  ) {
    // An old checkpoint was brought back: what followed it was written, and will be written again.
    const fields = { topic: prepared.topic, checkpoint: prepared.checkpoint, committed: Number(checkpoint) }
    cluster.log.warn(fields, 'the job goes on from before its last committed output, which it will repeat')
    return
  }
  const why = 'it was open longer than transaction_timeout_ms, or another process used the same job name'
  throw new EngineError(
    '58030',
    `Kafka aborted the output of checkpoint ${prepared.checkpoint} to ${prepared.topic}: ${why}`,
    {
      actor: 'external',
      hint: 'Make the job anew, or replay it from an earlier checkpoint; a larger transaction_timeout_ms helps against long stops. After a week without a commit Kafka forgets, and a commit may look like this too: see the end of the topic.',
    },
  )
}

/** Makes sure that nothing of an unfinished transaction is ever seen, and lets readers go on past it. */
export async function abortTransaction(
  cluster: Cluster,
  transactionalId: string,
  identity: ProducerIdentity,
): Promise<void> {
  await endTransaction(cluster, { ...identity, transactionalId }, false, 2000)
}

function endTransaction(
  cluster: Cluster,
  transaction: ProducerIdentity & { readonly transactionalId: string },
  commit: boolean,
  timeoutMs: number,
): Promise<{ readonly code: number; readonly value: ProducerIdentity }> {
  const { transactionalId, producerId, epoch } = transaction
  const read = (reader: Reader): { code: number; value: ProducerIdentity } => {
    reader.int32()
    const code = reader.int16()
    return { code, value: { producerId: reader.int64(), epoch: reader.int16() } }
  }
  const doing = `${commit ? 'commit' : 'abort'} the transaction of ${transactionalId}`
  return cluster.askCoordinator(
    'transaction',
    transactionalId,
    END_TXN,
    doing,
    timeoutMs,
    w => w.compactString(transactionalId).int64(producerId).int16(epoch).bool(commit).tags(),
    read,
  )
}

/** Names one transaction among all there ever were: the epoch rises with each. */
function markText({ checkpoint, producerId, epoch }: PreparedTransaction): string {
  return `tidemark checkpoint ${checkpoint} producer ${producerId} epoch ${epoch}`
}
