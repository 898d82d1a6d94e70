/** The two commands of the README, which somebody types after the clone, and who else calls them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const read = (file: string): string => readFileSync(join(import.meta.dirname, '..', file), 'utf8')
const { scripts, engines } = JSON.parse(read('package.json')) as {
  readonly scripts: Readonly<Record<string, string>>
  readonly engines: { readonly node: string }
}
/** The blocks of the README that are one line, in their order. */
const commands = [...read('README.md').matchAll(/^```sh\n([^\n]+)\n```$/gm)].map(([, line = '']) => line)

test('are one line each, install what they need, and call a script that there is', () => {
  expect(commands.slice(0, 2)).toEqual(['npm ci && npm start', 'npm ci && npm test'])
  for (const name of ['start', 'test']) expect(scripts[name]).toMatch(/^node scripts\/assert-node\.mjs && /)
})

test('the second is what CI calls first, and the checks of the package behind it', () => {
  const steps = read('.ci/run')
    .split('\n')
    .filter((line) => line.startsWith('npm '))
  expect(steps[0]).toBe(commands[1])
  expect(steps).toContain('npm run lint')
  expect(steps).toContain('npm run package')
  expect(read('.ci/run')).toContain('set -euo pipefail')
  expect(read('.github/workflows/ci.yml')).toContain('- run: .ci/run\n')
})

test('the oldest Node that is said to do is the one that is asked for, and one that CI tests', () => {
  const [, oldest = ''] = /^>=(\d+\.\d+)$/.exec(engines.node) ?? []
  expect(read('README.md')).toContain(`Node ${oldest} or newer`)
  expect(read('scripts/assert-node.mjs')).toContain(`opspawn needs Node ${oldest} or newer`)
  expect(read('src/cli/main.ts')).toContain(`opspawn needs Node ${oldest} or newer`)
  expect(read('.github/workflows/ci.yml')).toContain(`'${oldest}'`)
})
