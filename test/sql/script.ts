/** One step of an .slt file: its first line as words, and what follows it up to an empty line. */
export interface Step {
  readonly line: number
  readonly words: readonly string[]
  /** Lines before `----`: SQL, or records. */
  readonly body: readonly string[]
  /** Lines behind `----`; undefined when there is none. */
  readonly expected: readonly string[] | undefined
}

export interface Script {
  /** What `# play: …` of the comment on top says: what the file cannot take. */
  readonly play: readonly string[]
  readonly steps: readonly Step[]
}

/** Reads an .slt file. Steps are set apart by empty lines; lines that begin with # are comments. */
export function parseSlt(text: string): Script {
  const steps: Step[] = []
  const play: string[] = []
  let block: string[] = []
  let first = 0
  const flush = (): void => {
    if (block.length > 0) steps.push(stepOf(block, first))
    block = []
  }
  text.split('\n').forEach((line, i) => {
    if (/^#( |$)/.test(line)) play.push(...(/^# play: (.*)/.exec(line)?.[1].split(', ') ?? []))
    else if (line.trim() === '') flush()
    else {
      if (block.length === 0) first = i + 1
      block.push(line)
    }
  })
  flush()
  return { play, steps }
}

function stepOf(block: readonly string[], line: number): Step {
  const [head, ...rest] = block
  const cut = rest.indexOf('----')
  return {
    line,
    words: head.split(/\s+/),
    body: cut < 0 ? rest : rest.slice(0, cut),
    expected: cut < 0 ? undefined : rest.slice(cut + 1),
  }
}
