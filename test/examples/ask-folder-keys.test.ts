/**
 * The main command with the key of a real provider and nothing else: its package calls the provider's own address, which a
 * server on this machine stands in for.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { anthropic, openaiResponses, startWireServer, type Scenario, type WireExchange } from '../fixtures/wire/index.ts'
import { type Ended, runExample } from './run-example.ts'

const KEY = 'sk-very-secret-test-key'

const providers = [
  {
    variable: 'OPENAI_API_KEY',
    host: 'https://api.openai.com',
    format: openaiResponses,
    provider: 'openai.responses',
    model: 'gpt-5.4-mini',
    modelVariable: 'OPENAI_MODEL',
    sentKey: ['authorization', `Bearer ${KEY}`],
  },
  {
    variable: 'ANTHROPIC_API_KEY',
    host: 'https://api.anthropic.com',
    format: anthropic,
    provider: 'anthropic.messages',
    model: 'claude-haiku-4-5',
    modelVariable: 'ANTHROPIC_MODEL',
    sentKey: ['x-api-key', KEY],
  },
] as const

type Provider = (typeof providers)[number]

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'opspawn-ask-keys-'))
  await writeFile(join(folder, 'lamp.md'), '# Lamp\n\nThe lamp is lit at dusk.\n')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Asks with that key alone. What is meant for the provider's address reaches the server; nothing else leaves the machine. */
async function ask(
  { variable, host, format }: Provider,
  scenarios: readonly Scenario[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended & { readonly exchanges: readonly WireExchange[] }> {
  await using server = await startWireServer([format])
  server.script(...scenarios)
  const home = `${server.origin}${format.basePath.replace(/\/v1$/, '')}`
  const redirect = `const real = globalThis.fetch
    globalThis.fetch = (target, init) => {
      if (!String(target).startsWith('${host}/')) throw new Error('nobody stands in for ' + target)
      return real(String(target).replace('${host}', '${home}'), init)
    }`
  const NODE_OPTIONS = `--import data:text/javascript,${encodeURIComponent(redirect)}`
  const ended = await runExample('ask-folder', [folder, 'When is the lamp lit?'], {
    env: { [variable]: KEY, NODE_OPTIONS, ...env },
  })
  return { ...ended, exchanges: server.exchanges }
}

describe.concurrent.each(providers)('ask-folder with $variable', (provider) => {
  const { variable, model, modelVariable, sentKey } = provider

  it('lets that model call the tools, streams its answer and counts its tokens', async () => {
    const { code, stdout, stderr, exchanges } = await ask(provider, ['tool-call', 'text'])
    expect(stdout).toContain(`Model     ${model} of ${provider.provider}, because ${variable} is set`)
    expect(stdout.match(/Hello, world!/g)).toHaveLength(1)
    expect(stdout).toMatch(/\ncompleted · 2 steps \(2 model calls, 0 tool calls\) · 58 tokens · [\d.]+ m?s\n$/)
    expect(code).toBe(0)
    expect(exchanges).toHaveLength(2)
    for (const { streamed, request } of exchanges) {
      expect(streamed).toBe(true)
      expect(request.headers[sentKey[0]]).toBe(sentKey[1])
      expect(request.body).toMatchObject({ model })
    }
    const [first] = exchanges as readonly [WireExchange, WireExchange]
    const { tools } = first.request.body as { readonly tools: readonly { readonly name: string }[] }
    expect(tools.map(({ name }) => name)).toEqual(['list_files', 'search_passages', 'read_file'])
    // The tool that the server asks for is none of these, which the model is told.
    expect(JSON.stringify(exchanges[1]?.request.body)).toContain('get_weather')
    expect(stdout + stderr).not.toContain(KEY)
  })

  it('takes another model by its name, and fails with the code of the error when the key is refused', async () => {
    const { code, stdout, stderr, exchanges } = await ask(provider, ['unauthorized'], { [modelVariable]: 'another-model' })
    expect(stdout).toContain(`Model     another-model of ${provider.provider}`)
    expect(exchanges.map(({ request }) => (request.body as { readonly model: string }).model)).toEqual(['another-model'])
    expect(stdout).toContain('MODEL_FAILED: ')
    expect(stdout).toContain('Incorrect API key')
    expect(stdout).toContain('\nfailed · 1 step')
    expect(code).toBe(1)
    expect(stdout + stderr).not.toContain(KEY)
  })
})
