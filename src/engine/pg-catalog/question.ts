/**
 * Whether a statement asks for the catalog, told from its words alone: tools' catalog queries use all of Postgres' syntax
 * (OPERATOR(pg_catalog.~), COLLATE, LATERAL …), which is for Postgres to parse, not for our grammar.
 */

/** Comments, strings, quoted names, words with digits, parameters, and single marks. */
const TOKEN =
  /--[^\n]*|\/\*[\s\S]*?\*\/|[eE]'(?:[^'\\]|''|\\[\s\S])*'|'(?:[^']|'')*'|\$(\w*)\$[\s\S]*?\$\1\$|"(?:[^"]|"")*"|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\$?\d[\w.]*|::|\S/g

const SCHEMAS = new Set(['pg_catalog', 'information_schema'])
/** Casts to these look names up in the catalog. */
const REG_TYPES = new Set(['regclass', 'regtype', 'regproc', 'regprocedure', 'regnamespace', 'regrole', 'regoper'])
/** Functions that answer from the catalog without `pg_` in their names. */
const FUNCTIONS = new Set([
  'current_schemas',
  'format_type',
  'obj_description',
  'col_description',
  'shobj_description',
  'has_table_privilege',
  'has_schema_privilege',
  'has_database_privilege',
  'has_column_privilege',
  'has_any_column_privilege',
  'has_sequence_privilege',
  'has_function_privilege',
  'to_regclass',
  'to_regtype',
  'to_regnamespace',
])
/** Functions of ours too, though Postgres spells them so: they need no catalog. */
const OURS = new Set(['pg_typeof', 'pg_sleep', 'pg_cancel_backend', 'pg_terminate_backend', 'pg_backend_pid'])
const STARTS = new Set(['select', 'with', 'values', 'table', '('])
/** After these in a FROM list the next name is another relation. */
const FROM_WORDS = new Set(['from', 'join', 'table'])
const FROM_ENDS = new Set(
  'where group having window order limit offset fetch for union intersect except on using returning select values with'.split(
    ' ',
  ),
)

/** A statement's text without blanks around it, and where it begins in the script. */
export interface Piece {
  readonly sql: string
  readonly offset: number
}

/** Cuts a script at its semicolons, outside of strings, names and comments. Empty pieces are left out. */
export function splitStatements(script: string): Piece[] {
  const pieces: Piece[] = []
  const add = (start: number, end: number): void => {
    const text = script.slice(start, end)
    const sql = text.trim()
    if (sql !== '') pieces.push({ sql, offset: start + text.indexOf(sql) })
  }
  let start = 0
  for (const match of script.matchAll(TOKEN)) {
    if (match[0] !== ';') continue
    add(start, match.index)
    start = match.index + 1
  }
  add(start, script.length)
  return pieces
}

/** True when the statement reads pg_catalog or information_schema, or asks their functions, and touches no other relation. */
export function isCatalogQuery(sql: string): boolean {
  // Almost every statement of a user ends here.
  if (!/pg_|information_schema|\breg[a-z]+|_privilege|_description|current_schemas|format_type/i.test(sql)) return false
  const words = tokenize(sql)
  if (words.length === 0 || !STARTS.has(words[0])) return false
  return words.some((word, i) => isMark(words, i, word)) && !readsOthers(words)
}

/** Lower-case words; quoted names without their quotes, strings as `'`. */
function tokenize(sql: string): string[] {
  const words: string[] = []
  for (const [token] of sql.matchAll(TOKEN)) {
    if (token.startsWith('--') || token.startsWith('/*')) continue
    if (token.startsWith('"')) words.push(token.slice(1, -1).replaceAll('""', '"'))
    else if (token.endsWith("'") || (token.startsWith('$') && token.endsWith('$'))) words.push("'")
    else words.push(token.toLowerCase())
  }
  return words
}

function isMark(words: readonly string[], i: number, word: string): boolean {
  if (SCHEMAS.has(word)) return words[i + 1] === '.'
  if (REG_TYPES.has(word)) return words[i - 1] === '::' || words[i - 1] === 'as' || words[i + 1] === "'"
  if (FUNCTIONS.has(word)) return words[i + 1] === '('
  return word.startsWith('pg_') && !OURS.has(word) && words[i - 1] !== 'as'
}

/** Whether a relation that is not of the catalog stands in a FROM list. */
function readsOthers(words: readonly string[]): boolean {
  const own = namesOfCtes(words)
  /** For each open parenthesis: whether the list before it goes on after it. */
  const lists: boolean[] = []
  let inFrom = false
  let expected = false
  for (let i = 0; i < words.length; i++) {
    const word = words[i]
    if (word === '(') {
      lists.push(inFrom)
      // `FROM (a JOIN b)` and `FROM (SELECT …)`; after a name it is a function's arguments.
      inFrom = expected
      continue
    }
    if (word === ')') {
      inFrom = lists.pop() ?? false
      expected = false
      continue
    }
    if (FROM_WORDS.has(word) && !isFunctionFrom(words, i, lists.length)) inFrom = expected = true
    else if (word === ',' && inFrom) expected = true
    else if (FROM_ENDS.has(word)) inFrom = expected = false
    else if (expected && word !== 'lateral' && word !== 'only') {
      expected = false
      const qualified = words[i + 1] === '.'
      if (words[i + (qualified ? 3 : 1)] === '(') continue // a function
      if (qualified ? !SCHEMAS.has(word) : !(word.startsWith('pg_') || own.has(word))) return true
      if (qualified) i += 2
    }
  }
  return false
}

/** extract(… FROM …), substring(… FROM …), trim(… FROM …) and IS DISTINCT FROM. */
function isFunctionFrom(words: readonly string[], i: number, depth: number): boolean {
  if (words[i] !== 'from') return false
  if (words[i - 1] === 'distinct' && (words[i - 2] === 'is' || words[i - 2] === 'not')) return true
  if (depth === 0) return false
  let open = 0
  for (let j = i - 1; j > 0; j--) {
    if (words[j] === ')') open++
    else if (words[j] === '(' && open-- === 0) return /^(extract|substring|trim|overlay|position)$/.test(words[j - 1])
  }
  return false
}

/** Names before `AS (` or `AS MATERIALIZED (`, which WITH defines. */
function namesOfCtes(words: readonly string[]): Set<string> {
  const names = new Set<string>()
  for (let i = 1; i < words.length; i++) {
    if (words[i] !== 'as' || !/^(\(|materialized|not)$/.test(words[i + 1] ?? '')) continue
    let name = i - 1
    if (words[name] === ')') while (name > 0 && words[name] !== '(') name--
    names.add(words[words[name] === '(' ? name - 1 : name])
  }
  return names
}
