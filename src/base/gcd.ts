/** The greatest common divisor of whole numbers; that of 0 and n is n. */
export function gcd(...numbers: readonly number[]): number {
  return numbers.reduce((a, b) => {
    while (b !== 0) [a, b] = [b, a % b]
    return Math.abs(a)
  }, 0)
}
