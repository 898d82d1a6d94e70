import { expect, test } from 'vitest'
import type { Json } from '../../core/index.ts'
import { follow, referencesIn, substitute } from './references.ts'

const outputs: Record<string, Json> = { a: { items: [1, { 'x/y': 'deep' }], text: 'so {{steps.b.output}}' }, b: 'B', n: 7 }
const put = (input: Json): unknown =>
  substitute({ input }, ({ id, pointer, text }) => {
    const value = Object.hasOwn(outputs, id) ? follow(outputs[id] as Json, pointer) : undefined
    return value === undefined ? { problem: `nothing at ${text}` } : { value }
  })

test.each([
  ['{{steps.b.output}}', 'B'],
  ['{{ steps.n.output }}', 7],
  ['{{steps.a.output/items}}', [1, { 'x/y': 'deep' }]],
  ['{{steps.a.output/items/1/x~1y}}', 'deep'],
  ['n is {{steps.n.output}}, b is {{steps.b.output}}.', 'n is 7, b is B.'],
  ['{{steps.n.output}}{{steps.n.output}}', '77'],
  ['{"n":{{steps.n.output}}}', '{"n":7}'],
  ['list: {{steps.a.output/items}}', 'list: [1,{"x/y":"deep"}]'],
  ['{{steps.a.output/text}}', 'so {{steps.b.output}}'],
  ['{{{{steps.n.output}}}}', '{{7}}'],
  ['{{other}} {{ }} }} {{', '{{other}} {{ }} }} {{'],
  ['', ''],
  [5, 5],
  [
    [{ deep: '{{steps.n.output}}' }, null, true],
    [{ deep: 7 }, null, true],
  ],
])('%j becomes %j', (input, value) => {
  expect(put(input)).toEqual({ value: { input: value } })
})

test.each([
  '{{steps.c.output}}',
  '{{steps.a.output/items/9}}',
  '{{steps.a.output/items/01}}',
  '{{steps.a.output/items/length}}',
  '{{steps.b.output/length}}',
  '{{steps.a.output/constructor}}',
  '{{steps.b.outputs}}',
  'x {{steps.}}',
])('nothing stands at %s', (text) => {
  expect(put(text)).toEqual({ problem: `nothing at ${text.replace('x ', '').slice(2, -2)}` })
})

test('keys are not touched, references are listed', () => {
  expect(put({ '{{steps.b.output}}': 1 })).toEqual({ value: { input: { '{{steps.b.output}}': 1 } } })
  expect(referencesIn({ a: '{{steps.b.output}} and {{steps.n.output/x}}' }).map(({ id }) => id)).toEqual(['b', 'n'])
})

// Quadratic work would take minutes here, and the runner's time-out would end it.
test.each(['{', '}', '{{', '}}', '{{ ', '{{steps.', ' ', '{{}}'])('a long text of %s is read in time', (piece) => {
  const text = piece.repeat(200_000)
  put(text)
  put(`{{${text}}}`)
})
