import { EngineError, type ErrorDetails } from '../../src/base/errors.ts'
import type { Version } from './packets.ts'

/** Reason codes of MQTT 5 (section 2.4) by what people call them. */
const NAMES: Readonly<Record<number, string | undefined>> = {
  128: 'unspecified error',
  129: 'malformed packet',
  130: 'protocol error',
  131: 'implementation specific error',
  132: 'unsupported protocol version',
  133: 'client identifier not valid',
  134: 'bad user name or password',
  135: 'not authorized',
  136: 'server unavailable',
  137: 'server busy',
  138: 'banned',
  139: 'server shutting down',
  140: 'bad authentication method',
  141: 'keep alive timeout',
  142: 'session taken over',
  143: 'topic filter invalid',
  144: 'topic name invalid',
  145: 'packet identifier in use',
  147: 'receive maximum exceeded',
  149: 'packet too large',
  150: 'message rate too high',
  151: 'quota exceeded',
  152: 'administrative action',
  153: 'payload format invalid',
  154: 'retain not supported',
  155: 'QoS not supported',
  156: 'use another server',
  157: 'server moved',
  158: 'shared subscriptions not supported',
  159: 'connection rate exceeded',
  160: 'maximum connect time',
  161: 'subscription identifiers not supported',
  162: 'wildcard subscriptions not supported',
}

/** Return codes of MQTT 3.1.1's CONNACK as those of MQTT 5. */
const OLD_CODES: Readonly<Record<number, number | undefined>> = { 1: 132, 2: 133, 3: 136, 4: 134, 5: 135 }

/** Those that may be gone in a while. */
const PASSING: readonly number[] = [128, 131, 136, 137, 139, 141, 150, 151, 156, 157, 159, 160]

/** Somebody else connected with this client id (MQTT 5 says so when it ends the connection). */
export const SESSION_TAKEN_OVER = 142

export function reasonName(code: number): string {
  return NAMES[code] ?? `reason code ${code}`
}

/** Why a broker did not let us in. */
export function refused(code: number, version: Version, address: string, said: string): EngineError {
  const reason = version === 5 ? code : (OLD_CODES[code] ?? code)
  const text = `MQTT broker ${address} refused the connection: ${reasonName(reason)}${said}`
  switch (reason) {
    case 134:
    case 135:
      return external('28000', text, 'Check username and password of the connection, and what the broker lets them do.')
    case 132:
      return external('0A000', text, version === 5 ? "Say protocol_version = '3.1.1'." : "Say protocol_version = '5'.")
    case 133:
      return external('22023', text, 'Say client_id = … as the broker wants it.')
    case 138:
      return external('42501', text, 'Ask who runs the broker.')
    default:
      return new EngineError('58030', text, { actor: 'external', retryable: PASSING.includes(reason) })
  }
}

/** Why a broker ended a connection; the caller knows when nothing was said. */
export function ended(code: number, address: string, said: string): EngineError {
  const text = `MQTT broker ${address} ended the connection: ${reasonName(code)}${said}`
  if (code === SESSION_TAKEN_OVER)
    return external(
      '58030',
      text,
      'Another process uses this client id: stop it, or give one of them another client_id.',
    )
  if (code === 135) return external('42501', text, 'The broker lets this user not read or write these topics.')
  return new EngineError('08006', text, { actor: 'external', retryable: true })
}

/** A broker that does not let us read `filter`. */
export function subscriptionRefused(code: number, version: Version, filter: string): EngineError {
  const reason = version === 5 ? reasonName(code) : 'refused'
  const text = `the MQTT broker does not let "${filter}" be subscribed to: ${reason}`
  if (version === 5 && PASSING.includes(code) && code !== 128)
    return new EngineError('58030', text, { actor: 'external', retryable: true })
  const hint =
    code === 158 || code === 162
      ? 'The broker does not have this kind of subscription.'
      : 'Let the user read these topics (the ACL of the broker), or name others.'
  return external('42501', text, hint)
}

/** A broker that did not take a message. */
export function publishRefused(code: number, topic: string, said = ''): EngineError {
  const text = `the MQTT broker did not take a message for "${topic}": ${reasonName(code)}${said === '' ? '' : ` (${said})`}`
  if (code === 135) return external('42501', text, 'Let the user write this topic (the ACL of the broker).')
  return new EngineError('58030', text, { actor: 'external', retryable: PASSING.includes(code) })
}

function external(sqlState: string, message: string, hint: string): EngineError {
  const details: ErrorDetails = { actor: 'external', hint }
  return new EngineError(sqlState, message, details)
}
