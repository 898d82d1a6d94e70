/** Ten different mistakes in one document: the real command tells all of them at once, each with its place. */
import { expect, test } from 'vitest'
import { emptyFolder, opspawn } from './support.ts'

/** Each mistake stands in a line of its own. */
const TEN = `name: ten
colour: red
tasks:
  kindless: { if: 'true' }
  two: { tool: a, sleep: 1s }
  lost: { needs: nowhere, sleep: 1s }
  twice: { needs: [sound, sound], sleep: 1s }
  early: { needs: late, sleep: 1s }
  late: { needs: early, sleep: 1s }
  when: { if: 'tasks.sound.', sleep: 1s }
  slow: { sleep: never }
  many: { forEach: 7, tool: a }
  again: { tool: a, retry: { attempts: -1 } }
  sound: { sleep: 1s }
`

const FOUND = [
  ['2:1', 'unknown key "colour"', '/colour'],
  ['4:3', 'it has none of them', '/tasks/kindless'],
  ['5:3', 'it has tool and sleep', '/tasks/two'],
  ['6:18', 'no task "nowhere"', '/tasks/lost/needs'],
  ['7:27', '"sound" is needed twice', '/tasks/twice/needs/1'],
  ['8:12', 'in a circle: early → late → early', '/tasks/early/needs'],
  ['10:15', 'expression "tasks.sound." cannot be read', '/tasks/when/if'],
  ['11:18', 'must be a duration', '/tasks/slow/sleep'],
  ['12:20', 'must be a list', '/tasks/many/forEach'],
  ['13:40', 'whole number from 1 to 100', '/tasks/again/retry/attempts'],
] as const

test('ten mistakes are ten messages, with line, column and path', async () => {
  const { code, stdout, stderr } = await opspawn(emptyFolder({ 'ten.yaml': TEN }), 'validate', 'ten.yaml')
  expect([code, stderr.trim()]).toEqual([78, 'error AGENT_INVALID: 10 problems in 1 of 1 documents'])
  const lines = stdout.trimEnd().split('\n')
  expect(lines.map((line) => line.split(' ', 1)[0])).toEqual(FOUND.map(([place]) => `ten.yaml:${place}`))
  for (const [index, [, text, path]] of FOUND.entries()) {
    expect(lines[index]).toContain(text)
    expect(lines[index]).toMatch(new RegExp(`\\(${path}\\)$`))
  }
})
