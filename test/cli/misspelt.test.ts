/** Whoever mistypes a command or an option is told what was probably meant. */
import { expect, test } from 'vitest'
import { COMMANDS } from '../../src/cli/commands.ts'
import { call } from './support.ts'

test.each(COMMANDS.map(({ name }) => name))('%s, and an option of it', async (name) => {
  const words = name.split(' ')
  const last = words.at(-1) as string
  const wrong = last.slice(0, -2) + last.slice(-1)
  const { code, stderr } = await call('/', [...words.slice(0, -1), wrong])
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(new RegExp(`did you mean .*\\b${last}\\b`)) })
  const option = await call('/', [...words, '--jsn'])
  expect(option).toMatchObject({ code: 2, stderr: expect.stringContaining('did you mean --json?') })
})
