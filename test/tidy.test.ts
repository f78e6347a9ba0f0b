import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '..')

/** Who may import whom; everyone may import its own folder. Third-party packages enter through one place each, named below. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  'src/base': [],
  'src/batch': ['src/base'],
  grammar: ['src/base'],
  'src/expr': ['src/base', 'src/batch'],
  'src/storage': ['src/base'],
  'src/state': ['src/base', 'src/batch', 'src/storage'],
  'src/log': ['src/base', 'src/batch', 'src/storage'],
  'src/format': ['src/base', 'src/batch', 'src/connector.ts'],
  'src/plan': ['src/base', 'src/batch', 'grammar', 'src/expr'],
  'src/dataflow': ['src/base', 'src/batch', 'src/state'],
  'src/operators': ['src/base', 'src/batch', 'src/expr', 'src/state', 'src/dataflow'],
  'src/connector.ts': ['src/base', 'src/batch'],
  'src/lake': ['src/base', 'src/batch', 'src/format', 'src/storage', 'src/state', 'src/connector.ts'],
  connectors: ['src/base', 'src/batch', 'src/format', 'src/lake', 'src/storage', 'src/log', 'src/connector.ts'],
  'src/jobs': ['src/base', 'src/batch', 'src/state', 'src/dataflow', 'src/connector.ts'],
  'src/engine': [
    ...[
      'src/base',
      'src/batch',
      'grammar',
      'src/expr',
      'src/storage',
      'src/state',
      'src/log',
      'src/format',
      'src/plan',
    ],
    ...['src/dataflow', 'src/operators', 'src/connector.ts', 'src/jobs'],
  ],
  // Postgres' text form of a value is expr/text.ts: one spelling for casts, COPY and the wire.
  'src/server': ['src/base', 'src/batch', 'src/engine', 'src/expr'],
  // `topics` opens the embedded log itself; `submit` and `sql` split a script by the grammar.
  'src/cli': ['src/base', 'src/batch', 'src/engine', 'src/server', 'src/expr', 'src/log', 'grammar'],
  'src/main.js': ['src/program.ts'],
  'src/program.ts': [
    'src/main.js',
    'src/base',
    'src/engine',
    'src/server',
    'src/cli',
    'src/jobs',
    'connectors/registry.ts',
  ],
}

/** Packages, and the one folder that may import each. */
const PACKAGES: Readonly<Record<string, string>> = {
  '#package': 'src/program.ts',
  lmdb: 'src/log',
  pino: 'src/cli',
  pg: 'src/cli',
  'temporal-polyfill': 'src/expr',
  '@electric-sql/pglite': 'src/engine',
  '@aws-sdk/client-s3': 'src/storage',
}

/** Time and chance come in as parameters: only clock.ts asks the machine. */
const AMBIENT =
  /\b(Date\.now|Math\.random|performance\.now|(?<![.#])setTimeout|(?<![.#])setInterval|new Date\(\)|crypto\.(randomUUID|randomBytes|getRandomValues))/

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts'))
    .map(name => join(folder, name))
}

const product = [...sources('src'), ...sources('grammar'), ...sources('connectors')]

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  return [
    ...text.matchAll(
      /^\s*(?:import|export)\s[^'"]*?from\s+'([^']+)'|^import\s+'([^']+)'|import\('([^']+)'\)|new URL\('(\.[^']+)'/gm,
    ),
  ].map(m => m[1] ?? m[2] ?? m[3] ?? m[4])
}

function target(file: string, specifier: string): string {
  return relative(root, resolve(root, dirname(file), specifier))
}

function areaOf(file: string): string {
  if (file in ALLOWED) return file
  const parts = file.split('/')
  return parts[0] === 'src' ? parts.slice(0, 2).join('/') : parts[0]
}

test('imports keep to the table', () => {
  const wrong: string[] = []
  for (const file of product) {
    const area = areaOf(file)
    const allowed = ALLOWED[area]
    if (!allowed) {
      wrong.push(`${file}: its folder is not in the table`)
      continue
    }
    for (const specifier of importsOf(file)) {
      if (specifier.startsWith('node:')) continue
      if (!specifier.startsWith('.')) {
        const name = specifier
          .split('/')
          .slice(0, specifier.startsWith('@') ? 2 : 1)
          .join('/')
        if (!file.startsWith(PACKAGES[name] ?? '-')) wrong.push(`${file} imports package ${name}`)
        continue
      }
      const imported = target(file, specifier)
      const own = areaOf(imported) === area
      // A connector never knows its neighbours; the registry lists them.
      const neighbour =
        area === 'connectors' && file !== 'connectors/registry.ts' && imported.split('/')[1] !== file.split('/')[1]
      const fine = own ? !neighbour : allowed.some(a => imported === a || imported.startsWith(`${a}/`))
      if (!fine) wrong.push(`${file} imports ${imported}`)
    }
  }
  expect(wrong).toEqual([])
})

test('every file is used by the program', () => {
  const seen = new Set<string>()
  const visit = (file: string): void => {
    if (seen.has(file) || !existsSync(join(root, file))) return
    seen.add(file)
    for (const specifier of importsOf(file)) if (specifier.startsWith('.')) visit(target(file, specifier))
  }
  visit('src/main.js')
  expect(product.filter(file => !seen.has(file))).toEqual([])
})

test('no file has more than 400 lines', () => {
  const long = [...product, ...sources('test'), ...sources('bench')].filter(
    f => readFileSync(join(root, f), 'utf8').split('\n').length > 401,
  )
  expect(long).toEqual([])
})

test('only clock.ts asks the machine for the time or for chance', () => {
  const wrong = product
    .filter(f => f !== 'src/base/clock.ts')
    .filter(f => {
      const code = readFileSync(join(root, f), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
      return AMBIENT.test(code)
    })
  expect(wrong).toEqual([])
})

test('the product names neither its tests nor the place it was made in', () => {
  const wrong = product.filter(f =>
    /\.\.\/shared|\.library|\/work\/|from '[^']*\/(test|bench)\//.test(readFileSync(join(root, f), 'utf8')),
  )
  expect(wrong).toEqual([])
})
