/** What Node 22 cannot read must not stand where Node reads our TypeScript as it is, in a process of its own. */
import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

/** The syntax of `using` came with Node 24. vitest and the build rewrite it; removing types alone does not. */
const USING = /^\s*(?:for\s*\(\s*)?(?:await\s+)?using\s+[\p{L}_$][\p{L}\p{N}_$]*\s*(?:=|\bof\b)/u

// Examples are for the Node of the development dependencies; their tests start them with that one.
const files = globSync(['src/**/*.ts', 'test/{cli,durable,engine,simulation}/**/*.ts', 'test/fixtures/**/*.ts'])
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => !/\.test(-d)?\.ts$/.test(file))
  .toSorted()

test('nothing but tests and examples is written with `using`, which Node 22 does not know', () => {
  expect(files).toContain('test/durable/programs/remember.ts')
  expect(files).toContain('src/cli/main.ts')
  const found = files.flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((line, index) => (USING.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
  )
  expect(found).toEqual([])
})

test.each([
  ['  await using memory = open()', true],
  ['using session = await open()', true],
  ['for (using one of many) {', true],
  ['for await (const one of using) {', false],
  ['/** what `await using` does */', false],
  ['const using = 3', false],
  ['using(memory, work)', false],
])('%j is found: %s', (line, is) => {
  expect(USING.test(line)).toBe(is)
})

test('no statement has numbered parameters, which `node:sqlite` of Node 22 does not take', () => {
  const found = files.flatMap((file) => (/\?\d/.test(readFileSync(file, 'utf8')) ? [file] : []))
  expect(found).toEqual([])
})
