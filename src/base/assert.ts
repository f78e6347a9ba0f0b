/** States what must hold; a failure is a bug of ours, never the user's. One condition per call. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`)
}

/** Closes an exhaustive `switch` over a union: the compiler rejects the call while a kind is not handled. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`)
}
