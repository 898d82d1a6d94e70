import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { OpspawnError, type Model } from '../core/index.ts'
import { openCassette, type CassetteOptions } from './cassette-file.ts'
import { cassetteModel, recordModel, replayModel } from './cassette.ts'
import { scriptedModel } from './scripted-model.ts'
import { temporaryFolder } from '../../test/fixtures/temporary-folder.ts'
import { ask } from '../../test/fixtures/model-calls.ts'

const folder = temporaryFolder()
const pathOf = (): string => join(folder.path, 'nested', 'run.json')

function open(mode: NonNullable<CassetteOptions['mode']>, more: CassetteOptions = {}) {
  return openCassette(pathOf(), { mode, ci: false, ...more })
}

async function rejection(promise: PromiseLike<unknown>): Promise<unknown> {
  return promise.then(
    () => 'nothing',
    (error: unknown) => error,
  )
}

test('mode auto replays a file that exists and records one that does not', async () => {
  const answers = { real: 0 }
  const real = (): Model => {
    answers.real += 1
    return scriptedModel(['one'])
  }
  const recording = open('auto')
  expect(recording).toMatchObject({ mode: 'record', path: pathOf(), calls: [] })
  const model = cassetteModel(recording, real)
  await model.doGenerate(ask('x'))
  model.assertComplete()
  expect(recording.calls).toHaveLength(1)
  const replay = open('auto', { ci: true })
  expect(replay.mode).toBe('replay')
  expect((await cassetteModel(replay, real).doGenerate(ask('x'))).content).toHaveLength(1)
  expect(() => cassetteModel(replay, real).assertComplete()).toThrow('recorded call 1')
  expect(answers.real).toBe(1)
  expect((await cassetteModel(replay, scriptedModel([])).doGenerate(ask('x'))).content).toHaveLength(1)
  expect(cassetteModel(replay, scriptedModel([], { modelId: 'other' })).modelId).toBe('other')
  expect(() => recordModel(scriptedModel([]), replay)).toThrow('replays; open it with mode "record"')
  expect(() => replay.begin({})).toThrow('cannot record')
  await cassetteModel(open('record'), scriptedModel(['two'])).doGenerate(ask('x'))
  expect((await replayModel(open('auto')).doGenerate(ask('x'))).content).toEqual([{ type: 'text', text: 'two' }])
})

test('CI never records', () => {
  expect(() => openCassette(pathOf(), { ci: true })).toThrow(`cassette ${pathOf()} does not exist, and CI never records`)
  expect(() => openCassette(pathOf(), { ci: true, mode: 'record' })).toThrow(
    `cassette ${pathOf()} is to be recorded, and CI never records`,
  )
  try {
    for (const value of ['true', '1']) {
      vi.stubEnv('CI', value)
      expect(() => openCassette(pathOf())).toThrow('CI never records')
    }
    for (const value of ['false', '0', '', undefined]) {
      vi.stubEnv('CI', value)
      expect(openCassette(pathOf()).mode).toBe('record')
    }
  } finally {
    vi.unstubAllEnvs()
  }
})

test.each([
  ['{', /cassette .*run\.json cannot be read: /],
  ['null', /run\.json is not a cassette; delete it/],
  ['{"calls":[]}', /is not a cassette/],
  ['{"cassette":1}', /is not a cassette/],
  ['{"cassette":2,"calls":[]}', /run\.json is of version 2, and this copy of opspawn reads version 1; update/],
  ['{"cassette":1,"calls":[null]}', /call 1 of cassette .*run\.json is malformed/],
  ['{"cassette":1,"calls":[{"request":{},"response":{"result":{}}},{"request":{},"response":{"parts":1}}]}', /call 2 of/],
  ['{"cassette":1,"calls":[{"request":{},"response":{}}]}', /call 1 of/],
  ['{"cassette":1,"calls":[{"request":1,"response":{"open":true}}]}', /call 1 of/],
])('%s is refused by name', (text, message) => {
  mkdirSync(join(folder.path, 'nested'))
  writeFileSync(pathOf(), text)
  let thrown: unknown
  try {
    open('auto')
  } catch (error) {
    thrown = error
  }
  expect(OpspawnError.is(thrown, 'OPTIONS_INVALID')).toBe(true)
  expect((thrown as Error).message).toMatch(message)
})

test('a missing file and one that cannot be written say so', async () => {
  expect(() => open('replay')).toThrow(`cassette ${pathOf()} does not exist; record it`)
  writeFileSync(join(folder.path, 'nested'), 'a file where the folder should be')
  expect(await rejection(recordModel(scriptedModel(['x']), open('record')).doGenerate(ask('x')))).toMatchObject({
    code: 'OPTIONS_INVALID',
    message: expect.stringContaining('cannot be written') as string,
  })
})

test('several models share a cassette', async () => {
  const cassette = open('record')
  await recordModel(scriptedModel(['a'], { modelId: 'a' }), cassette).doGenerate(ask('x'))
  await recordModel(scriptedModel(['b'], { modelId: 'b' }), cassette).doGenerate(ask('x'))
  expect(() => replayModel(open('replay'))).toThrow('has calls of scripted/a, scripted/b; say which with the option model')
  const model = replayModel(open('replay'), { model: 'scripted/b' })
  expect((await model.doGenerate(ask('x'))).content).toEqual([{ type: 'text', text: 'b' }])
  const other = replayModel(open('replay'), { model: 'scripted/c' })
  expect(await rejection(other.doGenerate(ask('x')))).toMatchObject({
    message: expect.stringContaining('nothing was recorded of that model') as string,
  })
})

test('an empty cassette answers nothing', async () => {
  mkdirSync(join(folder.path, 'nested'))
  writeFileSync(pathOf(), '{"cassette":1,"calls":[]}')
  const model = replayModel(open('replay'))
  model.assertComplete()
  expect(await rejection(model.doGenerate({ prompt: [] }))).toMatchObject({
    details: { asked: 'generate, 0 messages, last null' },
  })
})
