import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EngineError } from '../../src/base/errors.ts'
import { compileRegex, compileTest } from '../../src/expr/regex.ts'

test('patterns that backtrack without end are answered at once', () => {
  // Each doubles its time with every character where it is tried step by step: 2^60 steps and more.
  const text = `${'a'.repeat(5000)}!`
  for (const pattern of ['^(a|a)*$', '^(a|aa)+$', '^(.|a)*b$', '^([^b]|a)*$b', '^(\\w|a|\\D)*$b'])
    expect(compileTest(pattern).test(text), pattern).toBe(false)
})

// Without \A: V8 finds (?<![^]) in the middle of a pair of surrogates where the flag u is set.
const piece = fc.constantFrom(
  ...[
    'a',
    'b',
    '.',
    '\\w',
    '\\W',
    '\\d',
    '\\S',
    '[ab]',
    '[^a]',
    '[^a-y]',
    'é',
    '[à-é]',
    '\\m',
    '\\M',
    '\\y',
    '\\Y',

    '\\Z',
  ],
  ...['^', '$', '(a|b)', '(?:.|b)', '(a)\\1', '(?=b)', '[[:alpha:]]', '[^[:digit:]]', '\\n', '\\x61', '😀', '\\.'],
)
const quantified = fc
  .tuple(piece, fc.constantFrom('', '', '', '?', '*', '+', '{2}', '{1,2}', '*?'))
  .map(p => p.join(''))
const pattern = fc.array(quantified, { minLength: 1, maxLength: 5 }).map(parts => parts.join(''))
const text = fc
  .array(fc.constantFrom('a', 'b', 'é', '1', ' ', '\n', '😀', '漢', '.'), { maxLength: 8 })
  .map(parts => parts.join(''))

test('the expression that is only asked for a verdict gives the one of the exact expression', () => {
  fc.assert(
    fc.property(pattern, text, fc.constantFrom('', 'i', 'n'), (source, value, flags) => {
      let exact: RegExp
      try {
        exact = compileRegex(source, flags)
      } catch (error) {
        fc.pre(!(error instanceof EngineError)) // a quantifier on an assertion, say
        throw error
      }
      expect(compileTest(source, flags).test(value)).toBe(exact.test(value))
    }),
    { numRuns: 20_000 },
  )
})
