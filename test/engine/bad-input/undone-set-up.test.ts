import { describe, expect, test } from 'vitest'
import { defineExtension, type Plugin } from '../../../src/index.ts'
import { toolsPlanner } from '../../../src/plugins/planner-tools/index.ts'
import { agent, callTool, guardFile, modelOf, once, refusal, reply, expectCode } from '../harness.ts'

guardFile()

const idle = once(callTool('a', 'x'))

describe('what was set up is undone when the rest is refused', () => {
  function watched(): { extension: Plugin; disposed: () => number } {
    let disposed = 0
    const extension = defineExtension({ name: 'e', setup: () => () => void (disposed += 1) })
    return { extension, disposed: () => disposed }
  }
  test('after an unknown tool', async () => {
    const { extension, disposed } = watched()
    await refusal({ plugins: [extension], agents: [agent('subject', idle, { tools: ['none'] })] })
    expect(disposed()).toBe(1)
  })
  test('after a missing price', async () => {
    const { extension, disposed } = watched()
    const costly = agent('subject', toolsPlanner(), { model: modelOf(() => reply('x')), limits: { cost: 1 } })
    expect((await refusal({ plugins: [extension], agents: [costly] })).code).toBe('BUDGET_PRICE_UNKNOWN')
    expect(disposed()).toBe(1)
  })
  test('after an announcement that throws', async () => {
    const { extension, disposed } = watched()
    const { createOrchestrator } = await import('../../../src/index.ts')
    const made = createOrchestrator({
      plugins: [extension],
      announce() {
        throw new Error('stderr is gone')
      },
    })
    const ops = await made.catch(() => undefined)
    await ops?.[Symbol.asyncDispose]()
    expect(disposed()).toBe(1)
  })
  test('an extension that throws is named, and those before it are undone', async () => {
    const { extension, disposed } = watched()
    const broken = defineExtension({
      name: 'broken',
      setup() {
        throw new Error('no network')
      },
    })
    const error = await refusal({ plugins: [extension, broken] })
    expect(error.message).toMatch(/broken.*no network/)
    expect(disposed()).toBe(1)
  })
  test('an extension that throws undefined is reported all the same', async () => {
    const broken = defineExtension({ name: 'broken', setup: () => Promise.reject(undefined) as never })
    expect((await refusal({ plugins: [broken] })).message).toMatch('broken')
  })
  test('disposers that throw are reported together, and all are called', async () => {
    const { extension, disposed } = watched()
    const bad = (name: string): Plugin =>
      defineExtension({
        name,
        setup: () => () => {
          throw new Error(`${name} is stuck`)
        },
      })
    const { createOrchestrator } = await import('../../../src/index.ts')
    const ops = await createOrchestrator({ announce: false, plugins: [extension, bad('one'), bad('two')] })
    await expectCode(() => ops[Symbol.asyncDispose](), 'INTERNAL', /two is stuck.*one is stuck/)
    expect(disposed()).toBe(1)
  })
})
