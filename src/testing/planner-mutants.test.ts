import { expect, test } from 'vitest'
import {
  type Decision,
  type EffectRecord,
  inputMessage,
  type ModelEffect,
  type Planner,
  type RunView,
  userMessage,
} from '../core/index.ts'
import { act, decideSoundly, failed, findings, narrow, planner } from '../../test/fixtures/sound-planner.ts'

function without(effect: ModelEffect, member: keyof ModelEffect): object {
  return Object.fromEntries(Object.entries(effect).filter(([name]) => name !== member))
}

type Mutation = (sound: Decision, run: RunView) => Decision | Promise<Decision>

function first(sound: Decision, change: (effect: ModelEffect) => object): Decision {
  if (sound.type !== 'act') return sound
  const [effect, ...rest] = sound.effects
  return effect?.kind === 'model' ? { ...sound, effects: [change(effect) as ModelEffect, ...rest] } : sound
}

const mutants: readonly (readonly [name: string, rule: string, text: RegExp, mutation: Mutation])[] = [
  ['reads the clock', 'no-ambient', /Date\.now/, (sound) => (Date.now() > 0 ? sound : sound)],
  ['makes a date of now', 'no-ambient', /new Date\(\)/, (sound) => (new Date().getTime() > 0 ? sound : sound)],
  ['writes the date as text', 'no-ambient', /Date\(\)/, (sound) => (Date() === '' ? failed('') : sound)],
  ['reads the fine clock', 'no-ambient', /performance\.now/, (sound) => (performance.now() > 0 ? sound : sound)],
  ['rolls dice', 'no-ambient', /Math\.random/, (sound) => (Math.random() > 2 ? failed('') : sound)],
  ['makes ids up', 'no-ambient', /crypto\.randomUUID/, (sound) => (crypto.randomUUID().length === 0 ? failed('') : sound)],
  [
    'makes keys up',
    'no-ambient',
    /crypto\.getRandomValues/,
    (sound) => first(sound, (effect) => ({ ...effect, key: `k${crypto.getRandomValues(new Uint32Array(1))[0]}` })),
  ],
  [
    'fetches',
    'no-ambient',
    /fetch/,
    async (sound, run) => (run.decisions > 0 ? await fetch('http://localhost:1').then(() => sound) : sound),
  ],
  [
    'sets a timer',
    'no-ambient',
    /setTimeout, something that takes longer/,
    (sound) =>
      new Promise((resolve) => {
        setTimeout(() => resolve(sound), 5)
      }),
  ],
  [
    'queues a microtask',
    'no-ambient',
    /queueMicrotask/,
    (sound) => {
      queueMicrotask(() => undefined)
      return sound
    },
  ],
  [
    'changes the view',
    'view-unchanged',
    /at \/latest\/0/,
    (sound, run) => {
      ;(run.latest as EffectRecord[]).pop()
      return sound
    },
  ],
  [
    'notes something in the view',
    'view-unchanged',
    /at \/note/,
    (sound, run) => {
      ;(run as { note?: number }).note = 1
      return sound
    },
  ],
  [
    'takes from a list of the history',
    'valid-decision',
    /history is frozen/,
    (sound, run) => {
      ;(run.tools as unknown[]).pop()
      return sound
    },
  ],
  ['repeats a key', 'unique-keys', /"again" was used before/, (sound) => first(sound, (effect) => ({ ...effect, key: 'again' }))],
  [
    'repeats a key in one decision',
    'unique-keys',
    /was used before/,
    (sound) => (sound.type === 'act' ? { ...sound, effects: [...sound.effects, ...sound.effects] } : sound),
  ],
  ['has no key', 'valid-decision', /has a key/, (sound) => first(sound, (effect) => ({ ...effect, key: '' }))],
  [
    'asks for nothing',
    'valid-decision',
    /at least one effect/,
    (sound) => (sound.type === 'act' ? { type: 'act', effects: [] } : sound),
  ],
  [
    'asks for null',
    'valid-decision',
    /an effect is an object/,
    (sound) => (sound.type === 'act' ? { type: 'act', effects: [null as never] } : sound),
  ],
  [
    'invents a kind of effect',
    'valid-decision',
    /no effect of kind "dream"/,
    (sound) => first(sound, (effect) => ({ ...effect, kind: 'dream' })),
  ],
  ['invents a decision', 'valid-decision', /no decision of type "ponder"/, () => ({ type: 'ponder' }) as never],
  ['decides nothing', 'valid-decision', /a decision is an object/, () => undefined as never],
  [
    'puts a date into an effect',
    'valid-decision',
    /not plain JSON/,
    (sound) => first(sound, (effect) => ({ ...effect, settings: { temperature: Number.NaN } })),
  ],
  [
    'finishes with nothing',
    'valid-decision',
    /has an output/,
    (sound) => (sound.type === 'finish' ? ({ type: 'finish' } as never) : sound),
  ],
  [
    'finishes with bad messages',
    'valid-decision',
    /not a message/,
    (sound) => (sound.type === 'finish' ? { ...sound, messages: [{ role: 'user', content: 'text' } as never] } : sound),
  ],
  [
    'finishes with a message',
    'valid-decision',
    /messages are a list/,
    (sound) => (sound.type === 'finish' ? { ...sound, messages: 'all' as never } : sound),
  ],
  [
    'fails with an Error',
    'valid-decision',
    /code, message and retryable/,
    (sound) => (sound.type === 'fail' ? ({ type: 'fail', error: { message: 'oh' } } as never) : sound),
  ],
  [
    'throws',
    'valid-decision',
    /decide threw Error: oh/,
    () => {
      throw new Error('oh')
    },
  ],
  ['waits for nothing', 'valid-decision', /nothing is under way/, () => ({ type: 'idle' })],
  [
    'names a model that is not there',
    'valid-decision',
    /no model "big"/,
    (sound) => first(sound, (effect) => ({ ...effect, model: 'big' })),
  ],
  [
    'shows a tool that is not there',
    'valid-decision',
    /no tool named "hammer"/,
    (sound) => first(sound, (effect) => ({ ...effect, tools: ['hammer'] })),
  ],
  [
    'sends an empty prompt',
    'valid-decision',
    /prompt is empty/,
    (sound) => first(sound, (effect) => without(effect, 'messages')),
  ],
  [
    'continues what never was',
    'valid-decision',
    /no effect "ghost"/,
    (sound) => first(sound, (effect) => ({ ...effect, continues: 'ghost' })),
  ],
  [
    'gives results without what asked for them',
    'valid-decision',
    /results need/,
    (sound) => first(sound, (effect) => without(effect, 'continues')),
  ],
  [
    'forgets to answer a call',
    'answered-calls',
    /no result for the tool call "call-0-0"/,
    (sound) => first(sound, (effect) => without(effect, 'results')),
  ],
  [
    'talks before answering a call',
    'answered-calls',
    /before the next user message/,
    (sound) =>
      first(sound, ({ results, ...effect }) => (results === undefined ? effect : { ...effect, messages: [userMessage('so?')] })),
  ],
  [
    'answers a call twice',
    'answered-calls',
    /answers no open tool call/,
    (sound) =>
      first(sound, (effect) =>
        effect.results === undefined ? effect : { ...effect, results: [...effect.results, ...effect.results] },
      ),
  ],
  [
    'never ends',
    'ends',
    /within 20 decisions/,
    (_sound, run) => act({ kind: 'model', key: `k-${run.decisions}`, messages: [userMessage('and?')] }),
  ],
  ['gives up', 'ends', /must end with "finish"/, () => failed('no')],
  [
    'drops what a tool came to',
    'failures-told',
    /no later prompt says so/,
    (sound, run) =>
      first(sound, (effect) =>
        effect.results === undefined ? effect : { kind: 'model', key: effect.key, messages: [inputMessage(run.input)] },
      ),
  ],
  [
    'hides that the model failed',
    'failures-told',
    /last model call/,
    (sound, run) =>
      run.latest[0]?.outcome?.status === 'failed' && run.latest[0].effect.kind === 'model'
        ? { type: 'finish', output: 'fine' }
        : sound,
  ],
  [
    'carries out what broke off',
    'valid-decision',
    /not whole/,
    (sound, run) =>
      sound.type === 'fail' && run.latest[0]?.effect.kind === 'model'
        ? { type: 'act', effects: [{ kind: 'tool', key: 'x', tool: 'note', input: {} }] }
        : sound,
  ],
]

test.each(mutants)('a planner that %s is found out', async (_name, rule, text, mutation) => {
  const found = await findings({
    createPlanner: () => planner((run) => mutation(decideSoundly(run), run)),
    skip: narrow,
    maxDecisions: 20,
  })
  const hits = found.filter((message) => message.startsWith(`[${rule}]`) && text.test(message))
  if (hits.length === 0) throw new Error(`not found out; the suite said ${found.join('\n') || 'nothing'}`)
})

test('a planner that counts outside the history is found out', async () => {
  let calls = 0
  const counting = planner((run) => first(decideSoundly(run), (effect) => ({ ...effect, key: `k${(calls += 1)}` })))
  expect((await findings({ createPlanner: () => counting, skip: narrow })).join()).toContain('[same-decision]')
})

test('a planner that remembers in itself is found out by a fresh one', async () => {
  const createPlanner = (): Planner => {
    const seen = new Set<number>()
    return planner((run) =>
      first(decideSoundly(run), (effect) => ({ ...effect, key: `${effect.key}-${seen.add(run.decisions).size}` })),
    )
  }
  expect((await findings({ createPlanner, skip: narrow })).join()).toContain('a fresh planner')
})

test('a planner that acts while effects are open and does not say so is found out', async () => {
  const { 'two calls in one answer': _, ...skip } = narrow
  const hasty = planner((run) => {
    if (run.settled.length > 0 && run.open === 0) return { type: 'finish', output: 'done' }
    if (run.open > 0) return { type: 'act', effects: [{ kind: 'wait', key: `w${run.decisions}`, for: { type: 'time', ms: 1 } }] }
    const effects = ['a', 'b'].map((key) => ({ kind: 'wait' as const, key, for: { type: 'time' as const, ms: 1 } }))
    return { type: 'act', effects }
  })
  expect((await findings({ createPlanner: () => hasty, skip })).join()).toContain('[idles-while-open]')
})
