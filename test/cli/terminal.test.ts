/** The real command on a terminal: `script` of util-linux gives it one. */
import { describe, expect, test } from 'vitest'
import { emptyFolder, hasTerminal, opspawn, project, startOnTerminal } from './support.ts'

test('a terminal is there in continuous integration', () => {
  expect(hasTerminal || process.env['CI'] !== 'true').toBe(true)
})

/** What steers the terminal, by name. */
const UP = /\p{Cc}\[\d+A\p{Cc}\[J/u
const COLOUR = /\p{Cc}\[3[1236]m/u

// Without `script` there is no terminal to be had: the rest of the command is tested on pipes.
describe.skipIf(!hasTerminal)('the command on a terminal', () => {
  test('redraws what is open, with a spinner and the time, and leaves what has settled', async () => {
    const running = startOnTerminal(project(), ['run', 'finder', 'x', '--watch'])
    const { code, stdout } = await running.ended
    expect(code).toBe(0)
    expect(stdout).toMatch(UP)
    expect(stdout).toMatch(COLOUR)
    expect(stdout).toMatch(/[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/)
    expect(stdout).toContain('✓')
    // What a tool wrote steers nothing.
    expect(stdout).toContain(String.raw`found \u001b[31mred`)
    expect(stdout).not.toContain('found \u001b[31m')
    const end = stdout.slice(stdout.lastIndexOf('\u001b[J'))
    expect(end).toContain('Found it.\r\n')
    expect(end).toMatch(/completed\S* run \S+: 2 model calls, 30 tokens/)
  })

  test('Ctrl-C asks the run to end', async () => {
    const running = startOnTerminal(project(), ['run', 'sleeper', 'x', '--watch'])
    await running.written('tool hang')
    running.child.stdin.write('\u0003')
    const { code, stdout } = await running.ended
    expect(code).toBe(130)
    expect(stdout).toContain('asking the run to end')
  })

  test('is plain where NO_COLOR asks for it', async () => {
    const cwd = project()
    const { stdout } = await startOnTerminal(cwd, ['list', '--store', 'none.db'], { NO_COLOR: '1' }).ended
    expect(stdout).toMatch(/^error OPTIONS_INVALID: /)
    expect((await startOnTerminal(cwd, ['list', '--store', 'none.db', '--no-color']).ended).stdout).not.toMatch(COLOUR)
    expect((await startOnTerminal(cwd, ['list', '--store', 'none.db']).ended).stdout).toMatch(COLOUR)
  })

  test('prints JSON in lines for who looks', async () => {
    const cwd = emptyFolder()
    const { stdout } = await startOnTerminal(cwd, ['doctor', '--json']).ended
    expect(stdout.split('\r\n')[0]).toBe('{')
    expect(JSON.parse(stdout)).toMatchObject({ checks: [{ name: 'node' }, {}, {}] })
    expect((await opspawn(cwd, 'doctor', '--json')).stdout.trimEnd()).not.toContain('\n')
  })

  test('shows that long work goes on', async () => {
    const cwd = project()
    await opspawn(cwd, 'run', 'parrot', 'x')
    const { stdout } = await startOnTerminal(cwd, ['events', 'export', '-o', 'all.ndjson']).ended
    expect(stdout).toContain('exporting')
    expect(stdout).toMatch(/[█░]{24}/)
    expect((await opspawn(cwd, 'events', 'export', '-o', 'more.ndjson')).stderr).toBe('')
  })
})
