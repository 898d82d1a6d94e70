import { describe, expect, test } from 'vitest'
import { loadWorkflow } from './index.ts'
import { parts, problemsOf } from '../../../test/fixtures/workflow-documents.ts'

describe('a hostile document', () => {
  const bomb = [
    'a: &a [x, x, x, x, x, x, x, x, x]',
    ...'bcdefghi'.split('').map((name, at) => `${name}: &${name} [*${'abcdefgh'[at]}, *${'abcdefgh'[at]}]`),
  ].join('\n')

  test.each<[string, string, RegExp]>([
    ['alias bomb', bomb, /1:4 syntax .*"&a": anchors and aliases are not taken/],
    ['self alias', 'a: &a [*a]', /anchors and aliases are not taken/],
    ['merge key bomb', 'base: &b { x: 1 }\nname: { <<: *b }', /anchors and aliases are not taken/],
    ['a tag', 'name: !!js/function "x"', /1:7 syntax .*tags are not taken/],
    ['a core tag', 'name: !!binary aGk=', /tags are not taken/],
    ['flow nested 100,000 deep', '['.repeat(100_000), /nested too deep/],
    ['blocks nested 100,000 deep', '- '.repeat(100_000), /nested too deep/],
    ['questions nested', '? '.repeat(100_000), /nested too deep/],
    ['maps nested 700 deep', Array.from({ length: 700 }, (_, at) => `${' '.repeat(at)}a:`).join('\n'), /nested too deep/],
    ['flow nested 70 deep', `name: ${'['.repeat(70)}${']'.repeat(70)}`, /1:\d+ limit .*nested too deep/],
    ['60,000 keys', `{${'a:,'.repeat(60_000)}}`, /more than 60000 parts/],
    [
      '20,000 keys',
      Array.from({ length: 20_000 }, (_, at) => `key${at}: ${at}`)
        .join('\n')
        .slice(0, 262_000),
      /more than 60000 parts/,
    ],
    ['too long', `name: ${'x'.repeat(300_000)}`, /has 300006 characters; the limit is 262144/],
    ['a control character', 'name: w\n\u001f&a tasks: {}', /2:1 syntax .*it holds the sign U\+001F/],
    ['a second root', '   a: b\nc: d\ninput:\nname: w\n  required:\n', /5:11 syntax .*no YAML/],
    ['two documents', 'name: a\n---\nname: b\n', /more than one document/],
    ['no YAML', 'name: "a\ntasks: {', /no YAML/],
    [
      'a prototype',
      'name: w\ntasks: { a: { sleep: 1s, with: { __proto__: { polluted: 1 } } } }',
      /2:34 forbidden .*"__proto__" may not be used/,
    ],
    ['a constructor', 'name: w\ntasks: { constructor: { sleep: 1s } }', /forbidden .*"constructor"/],
    ['not a number', 'name: w\ntasks: { a: { tool: cms.publish, with: .nan } }', /2:40 type .*NaN is no number/],
    ['keys that are lists', 'name: w\n? [a]\n: 1\ntasks: {}', /no YAML/],
  ])('%s is refused', async (_what, source, message) => {
    const problems = await problemsOf(source)
    expect(problems.join('\n').slice(0, 2000)).toMatch(message)
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  test('plain data has no more rights than text', async () => {
    const hostile = JSON.parse('{"name":"w","tasks":{"a":{"tool":"cms.publish","with":{"prototype":1}}}}') as unknown
    expect((await problemsOf(hostile)).join()).toMatch(/forbidden .*"prototype"/)
    expect((await problemsOf(JSON.parse('{"__proto__":{"x":1}}'))).join()).toMatch(/cannot be read/)
    const cycle: Record<string, unknown> = { name: 'w' }
    cycle['self'] = cycle
    expect((await problemsOf(cycle)).join()).toMatch(/cannot be read/)
    expect((await problemsOf({ name: 'w', big: 'x'.repeat(400_000) })).join()).toMatch(/limit .*cannot be read/)
  })

  test('words that other readers of YAML turn into something else stay texts', async () => {
    const workflow = await loadWorkflow(
      'name: w\ntasks: { a: { tool: cms.publish, with: [no, 2024-01-01, 010, yes, on] } }',
      parts,
    )
    expect(workflow.planner.document.tasks['a']?.with).toEqual(['no', '2024-01-01', 10, 'yes', 'on'])
  })

  test.each<[string, string, RegExp]>([
    ['a long expression', `"${'a'.repeat(2100)}" == "b"`, /has 2108 characters; the limit is 2048|must be a CEL expression/],
    ['100,000 parentheses', `${'('.repeat(900)}1${')'.repeat(900)} == 1`, /nested deeper than 50/],
    ['a long sum', `${'1 + '.repeat(100)}1 == 1`, /nested deeper than 50/],
    ['lists in lists', `${'['.repeat(60)}${']'.repeat(60)} == []`, /nested deeper than 50/],
    ['comprehensions three deep', '[1].all(a, [1].all(b, [1].all(c, true)))', /comprehensions 3 deep/],
    ['comprehensions over one another', '[1].map(a, [a,a]).map(b, [b,b]).map(c, c).size() == 1', /comprehensions 3 deep/],
    ['nine comprehensions', Array.from({ length: 9 }, () => '[1].all(a, true)').join(' && '), /has 9 comprehensions/],
    ['a computed pattern', '"a".matches(input.p)', /matches a pattern that is computed/],
    ['a long pattern', `"a".matches("${'a'.repeat(300)}")`, /has a pattern of 300 characters/],
    ['five patterns', Array.from({ length: 5 }, () => '"a".matches("a")').join(' || '), /has 5 patterns/],
    ['a message', 'google.protobuf.Timestamp{seconds: 1} == 1', /makes a "google.protobuf.Timestamp"/],
    ['a walk to the prototype', 'input.constructor == 1', /input has no member "constructor"/],
  ])('%s is refused before it runs', async (_what, text, message) => {
    const document = {
      name: 'w',
      input: { type: 'object', properties: { p: { type: 'string' } } },
      tasks: { a: { sleep: '1s', if: text } },
    }
    expect((await problemsOf(document)).join('\n')).toMatch(message)
  })

  test('a thousand tasks in a circle are refused with a way that can be read', async () => {
    const tasks = Object.fromEntries(
      Array.from({ length: 1000 }, (_, at) => [`t${at}`, { sleep: '1s', needs: `t${(at + 1) % 1000}` }]),
    )
    const [problem = ''] = await problemsOf({ name: 'w', tasks })
    expect(problem).toContain('circle: t0 → t1')
    expect(problem.length).toBeLessThan(400)
    expect((await problemsOf({ name: 'w', tasks: { ...tasks, more: { sleep: '1s' } } })).join('\n')).toMatch(
      /must be a map of 1 to 1000 tasks by name/,
    )
  })

  test('diamonds on diamonds take time in line with their number', async () => {
    const tasks: Record<string, unknown> = { s0: { sleep: '1s' } }
    for (let at = 0; at < 300; at += 1) {
      tasks[`l${at}`] = { sleep: '1s', needs: `s${at}` }
      tasks[`r${at}`] = { sleep: '1s', needs: `s${at}` }
      tasks[`s${at + 1}`] = { sleep: '1s', needs: [`l${at}`, `r${at}`], if: `tasks.l0.status == "completed"` }
    }
    expect(await problemsOf({ name: 'w', tasks })).toEqual([])
  })
})
