import { expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { tidemark } from '../support/cli.ts'

const COMMANDS = ['serve', 'run', 'submit', 'check', 'jobs', 'sql', 'topics']

test('help names every command, and every command helps itself', async () => {
  const overview = await tidemark(['--help'])
  expect(overview).toMatchObject({ code: 0, err: '' })
  for (const name of COMMANDS) expect(overview.out).toMatch(new RegExp(`^  ${name} `, 'm'))
  const helps = await Promise.all(COMMANDS.map(name => tidemark([name, 'pg-port', '--help'])))
  for (const [i, { code, out, err }] of helps.entries()) {
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toContain(`usage: tidemark ${COMMANDS[i]}`)
  }
  expect(helps[0].out).toMatch(/--pg-port PORT +port of the Postgres protocol \(default 7432\)/)
  expect((await tidemark(['help', 'sql'])).out).toBe(helps[COMMANDS.indexOf('sql')].out)
})

test('the version is the package’s', async () => {
  expect(await tidemark(['--version'])).toEqual({ code: 0, out: `tidemark ${packageJson.version}\n`, err: '' })
})

test('wrong use is told apart from failed work, with what is near', async () => {
  const wrong = async (...args: string[]): Promise<string> => {
    const { code, out, err } = await tidemark(args)
    expect({ args, code, out }).toEqual({ args, code: 2, out: '' })
    return err
  }
  const [none, command, flag, value, switched, missing, many] = await Promise.all([
    wrong(),
    wrong('serv'),
    wrong('serve', '--pgport', '1'),
    wrong('serve', '--pg-port', '70000'),
    wrong('serve', '--demo=1'),
    wrong('serve', '--data'),
    wrong('run', 'a.sql', 'b.sql'),
  ])
  expect(none).toContain('usage: tidemark COMMAND')
  expect(command).toBe('error: there is no command "serv"\nhint: did you mean serve?\n')
  expect(flag).toBe('error: serve has no flag --pgport\nhint: did you mean --pg-port?\n')
  expect(value).toBe("error: option --pg-port = '70000' must be a whole number from 0 to 65535\n")
  expect(switched).toBe('error: --demo takes no value\n')
  expect(missing).toBe('error: --data needs a value: --data DIR\n')
  expect(many).toContain('"b.sql" is one word too many')
})
