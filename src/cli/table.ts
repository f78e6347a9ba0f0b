/** Rows in columns, as psql aligns them. */
export function table(names: readonly string[], rows: readonly (readonly (string | null)[])[]): string {
  const widths = columnWidths(names, rows)
  const counted = `(${rows.length} ${rows.length === 1 ? 'row' : 'rows'})`
  return `${[...tableHead(names, widths), ...rows.map(row => tableLine(row, widths)), counted].join('\n')}\n`
}

/** How wide each column must be for its name and these values. */
export function columnWidths(names: readonly string[], rows: readonly (readonly (string | null)[])[]): number[] {
  return names.map((name, c) => rows.reduce((most, row) => Math.max(most, shown(row[c]).length), name.length))
}

/** The line of names and the rule below it. */
export function tableHead(names: readonly string[], widths: readonly number[]): string[] {
  return [tableLine(names, widths), widths.map(w => '-'.repeat(w)).join('-+-')]
}

/** One row; a value wider than its column pushes the others on. */
export function tableLine(cells: readonly (string | null)[], widths: readonly number[]): string {
  return cells
    .map((cell, c) => shown(cell).padEnd(widths[c]))
    .join(' | ')
    .trimEnd()
}

const ESCAPES: Readonly<Record<string, string | undefined>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** NULL is nothing; control characters are written out, as they would break the columns or steer the terminal. */
function shown(cell: string | null): string {
  if (cell === null) return ''
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return cell.replace(/[\x00-\x1f\x7f-\x9f]/g, c => ESCAPES[c] ?? `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
