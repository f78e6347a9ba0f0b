import { EngineError } from './errors.ts'

const STEP = /\.([^.[\]"']+)|\[(\d+)\]|\.?\[?"((?:[^"\\]|\\.)*)"\]?|\['([^']*)'\]/y

/** Steps of `$.a.b[0]`, `$."odd key"`, `$['odd key']`; the `$` may be left out. Throws EngineError 22023. */
export function parsePath(path: string): (string | number)[] {
  const text = path.startsWith('$') ? path.slice(1) : /^[[.]/.test(path) ? path : `.${path}`
  const steps: (string | number)[] = []
  STEP.lastIndex = 0
  while (STEP.lastIndex < text.length) {
    const match = STEP.exec(text)
    if (match === null) {
      const hint = "Write a path as '$.device.readings[0]'."
      throw new EngineError('22023', `invalid JSON path "${path}"`, { hint })
    }
    if (match[2] !== undefined) steps.push(Number(match[2]))
    else if (match[3] !== undefined) steps.push(match[3].replace(/\\(.)/g, '$1'))
    else steps.push(match[1] ?? match[4])
  }
  return steps
}
