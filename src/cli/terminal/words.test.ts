/** The small functions that turn values into words. */
import { expect, test } from 'vitest'
import { parseDuration, showDuration, showTime } from './duration.ts'
import { nearest } from '../calling/nearest.ts'
import { table } from './table.ts'
import { brief, oneLine, visible } from './visible.ts'

test.each([
  ['250ms', 250],
  ['10s', 10_000],
  ['1.5m', 90_000],
  ['2h', 7_200_000],
  ['1d', 86_400_000],
])('%s is %i ms', (text, ms) => {
  expect(parseDuration('--since', text)).toBe(ms)
})

test.each(['', '10', 's', '-1s', '1w', '1s2'])('%j is no time', (text) => {
  expect(() => parseDuration('--since', text)).toThrow('--since must be a time such as 250ms')
})

test.each([
  [-5, '0 ms'],
  [12.4, '12 ms'],
  [999, '999 ms'],
  [1_000, '1.0 s'],
  [59_949, '59.9 s'],
  [59_960, '1 min'],
  [125_000, '2 min 5 s'],
  [7_200_000, '2 h'],
  [7_260_000, '2 h 1 min'],
  [90_061_000, '1 d 1 h'],
  [86_400_000, '1 d'],
])('%f ms read as %s', (ms, text) => {
  expect(showDuration(ms)).toBe(text)
})

test('a moment is told in UTC', () => {
  expect(showTime(0)).toBe('1970-01-01 00:00:00Z')
})

test('what steers a terminal is shown, lines and tabs stay', () => {
  expect(visible('a\u001b[2J\u0007b\r\nc\td\u202e')).toBe(String.raw`a\u001b[2J\u0007b` + '\nc\td' + String.raw`\u202e`)
  expect(oneLine(' a\n\n b\tc ')).toBe('a b c')
  expect(oneLine('abcdef', 4)).toBe('abc…')
  expect(brief({ a: ['\u001b'] })).toBe(String.raw`{"a":["\u001b"]}`)
  expect(brief(undefined)).toBe('')
})

test('the nearest name is found, or none', () => {
  expect(nearest('parot', ['cashier', 'parrot', 'carrot'])).toBe('parrot')
  expect(nearest('Parrot', ['parrot'])).toBe('parrot')
  expect(nearest('x', ['parrot'])).toBeUndefined()
  expect(nearest('x', [])).toBeUndefined()
})

test('a table has equal columns and steers nothing', () => {
  const text = table(
    ['A', 'LONG'],
    [
      ['one', 'x'],
      ['\u001b', 'two\nlines'],
    ],
    (head) => `<${head}>`,
  )
  expect(text).toBe(`<A       LONG>\none     x\n${String.raw`\u001b`}  two lines`)
})
