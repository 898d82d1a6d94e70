import { expect, test } from 'vitest'
import { parseReactTurn } from './index.ts'

const action = (name: string, input: object = {}, more: object = {}): object => ({
  type: 'action',
  action: name,
  input,
  hasInput: true,
  cut: false,
  ...more,
})

test.each([
  ['the plain form', 'Thought: I look it up.\nAction: search\nAction Input: {"q": "otters"}', action('search', { q: 'otters' })],
  ['lower case', 'thought: hm\naction: search\naction input: {"q":1}', action('search', { q: 1 })],
  ['upper case', 'ACTION: search\nACTION INPUT: {"q":1}', action('search', { q: 1 })],
  ['Windows line ends', 'Action: search\r\nAction Input: {"q":1}\r\n', action('search', { q: 1 })],
  ['Markdown marks', '### Thought: x\n**Action:** search\n- **Action Input**: {"q":1}', action('search', { q: 1 })],
  ['a quoted name', 'Action: "search"\nAction Input: {"q":1}', action('search', { q: 1 })],
  ['a name in backticks', 'Action: `web.search`\nAction Input: {"q":1}', action('web.search', { q: 1 })],
  ['a name on the next line', 'Action:\n  search\nAction Input:\n{"q":1}', action('search', { q: 1 })],
  ['a fenced name', 'Action:\n```\nsearch\n```\nAction Input: {"q":1}', action('search', { q: 1 })],
  ['words behind the name', 'Action: search (to find otters)\nAction Input: {"q":1}', action('search', { q: 1 })],
  ['a wide colon', 'Action：search\nAction Input：{"q":1}', action('search', { q: 1 })],
  [
    'arguments on several lines',
    'Action: search\nAction Input: {\n  "q": "a",\n  "deep": {\n    "n": [1, 2]\n  }\n}',
    action('search', { q: 'a', deep: { n: [1, 2] } }),
  ],
  ['arguments in a fence', 'Action: search\nAction Input:\n```json\n{"q": 1}\n```', action('search', { q: 1 })],
  ['the whole turn in a fence', '```\nAction: search\nAction Input: {"q": 1}\n```', action('search', { q: 1 })],
  ['prose behind the arguments', 'Action: search\nAction Input: {"q": 1}\nI hope that this helps.', action('search', { q: 1 })],
  ['prose before the arguments', 'Action: search\nAction Input: as follows {"q": 1}', action('search', { q: 1 })],
  [
    'labels inside the arguments',
    'Action: note\nAction Input: {"text": "a\\nObservation: b\\nAction: c"}',
    action('note', { text: 'a\nObservation: b\nAction: c' }),
  ],
  ['braces in strings', 'Action: note\nAction Input: {"text": "} \\" {"} and more', action('note', { text: '} " {' })],
  ['arguments behind the name', 'Action: search {"q": 1}', action('search', { q: 1 })],
  ['a call like in code', 'Action: search({"q": 1})', action('search', { q: 1 })],
  ['no arguments', 'Action: list', action('list', {}, { hasInput: false })],
  ['empty arguments', 'Action: list\nAction Input:', action('list', {}, { hasInput: false })],
  ['an empty fence for arguments', 'Action: list\nAction Input:\n```json', action('list', {}, { hasInput: false })],
  [
    'an invented observation',
    'Action: a\nAction Input: {"q":1}\nObservation: 42\nThought: I know\nFinal Answer: 42',
    action('a', { q: 1 }, { cut: true }),
  ],
  ['several actions', 'Action: a\nAction Input: {"q":1}\nAction: b\nAction Input: {"q":2}', action('a', { q: 1 }, { cut: true })],
  [
    'several actions without arguments',
    'Action: a\nAction: b\nAction Input: {"q":2}',
    action('a', {}, { hasInput: false, cut: true }),
  ],
  ['arguments twice', 'Action: a\nAction Input: {"q":1}\nAction Input: {"q":2}', action('a', { q: 1 }, { cut: true })],
  ['an observation first', 'Observation: it rains\nAction: a\nAction Input: {}', action('a')],
])('reads an action with %s', (_name, text, turn) => {
  expect(parseReactTurn(text)).toEqual(turn)
})

test.each([
  ['one line', 'Thought: clear.\nFinal Answer: 42', '42'],
  [
    'several lines',
    'Final Answer: one\n\ntwo\nAction: this is text\nThought: and this',
    'one\n\ntwo\nAction: this is text\nThought: and this',
  ],
  ['the next line', 'final answer:\n- a\n- b', '- a\n- b'],
  ['bold marks', '**Final Answer:** 42', '42'],
  ['a fence around the turn', '```\nThought: x\nFinal Answer: 42\n```', '42'],
  ['a fence of its own', 'Final Answer:\n```js\n1\n```', '```js\n1\n```'],
  ['a colon inside', 'Final Answer: Note: all is well', 'Note: all is well'],
])('reads a final answer with %s', (_name, text, answer) => {
  expect(parseReactTurn(text)).toEqual({ type: 'final', text: answer })
})

test.each([
  ['text without labels', 'The answer is 42.', /neither/],
  ['nothing', '', /neither/],
  ['a thought alone', 'Thought: hm', /neither/],
  ['labels in the middle of a line', 'I think Action: search and Final Answer: 3', /neither/],
  ['words that only begin like labels', 'Actions: a\nFinal Answers: b\nActionable: c', /neither/],
  ['a label without a colon', 'Action search\nFinal Answer', /neither/],
  ['arguments without an action', 'Action Input: {"q":1}', /without an "Action:"/],
  ['an action without a name', 'Action:\nAction Input: {}', /no tool name/],
  ['only a fence for a name', 'Action: ```', /no tool name/],
  ['nothing behind the final answer', 'Final Answer:  \n ', /nothing behind/],
  ['single quotes', "Action: a\nAction Input: {'q': 1}", /not a JSON object/],
  ['a list', 'Action: a\nAction Input: [{"q": 1}]', /not a JSON object/],
  ['a text', 'Action: a\nAction Input: otters', /not a JSON object/],
  ['half an object', 'Action: a\nAction Input: {"q": "ot', /not a JSON object/],
  ['an object in a broken one', 'Action: a\nAction Input: {\'q\': {"r": 1}}', /not a JSON object/],
  ['a forbidden key', 'Action: a\nAction Input: {"__proto__": {"q": 1}}', /not a JSON object/],
  ['a bracket behind the name', 'Action: search[otters]', /not a JSON object/],
])('does not guess: %s', (_name, text, problem) => {
  expect(parseReactTurn(text)).toEqual({ type: 'malformed', problem: expect.stringMatching(problem) as string })
})

// Quadratic work would take minutes here, and the runner's time-out would end it.
test.each([
  '\n',
  ' ',
  '*',
  '# ',
  'Action',
  'Action ',
  'Action:',
  'Action Input:',
  'Action:\n',
  'action input: {\n',
  'Thought: x\n',
  'Observation:\n',
  '{',
  '```',
  '"',
  '\\',
])('long texts of %j are read in time', (piece) => {
  const text = piece.repeat(Math.ceil(200_000 / piece.length))
  for (const before of [
    '',
    'Action: a\nAction Input: ',
    'Action: a\nAction Input: {"q": "',
    'Final Answer: ',
    'Action ',
    '**Action** ',
  ]) {
    expect(parseReactTurn(before + text).type).toMatch(/action|final|malformed/)
  }
})
