import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { startChatServer, type Turn } from './chat-server.ts'
import { runExample, startExample } from './run-example.ts'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'opspawn-ask-model-'))
  await writeFile(join(folder, 'lamp.md'), '# Lamp\n\nThe lamp is lit at dusk.\n')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Asks with a server on this machine as the model. */
async function askModel(turns: readonly Turn[]) {
  await using server = await startChatServer(turns)
  const env = { OPENAI_BASE_URL: server.baseURL, OPENAI_MODEL: 'local-model' }
  const ended = await runExample('ask-folder', [folder, 'When is the lamp lit?'], { env })
  return { ...ended, requests: server.requests, baseURL: server.baseURL }
}

describe.concurrent('ask-folder with a model', () => {
  it('lets the model call the tools, streams its answer and counts its tokens', async () => {
    const { code, stdout, requests, baseURL } = await askModel([
      {
        calls: [
          { name: 'list_files', input: {} },
          { name: 'search_passages', input: { query: 'lamp lit' } },
        ],
      },
      { calls: [{ name: 'read_file', input: { file: 'lamp.md', from: 3 } }] },
      { text: ['The lamp is lit ', 'at dusk ', '(lamp.md:3).'] },
    ])
    expect(stdout).toContain(`Model     local-model of local.chat, because OPENAI_BASE_URL is ${baseURL}`)
    expect(stdout).not.toContain('none is configured')
    expect(stdout).toContain('1. asks the model\n2. list_files')
    expect(stdout).toContain('3. search_passages  query: "lamp lit"\n')
    expect(stdout).toContain('5. read_file  file: "lamp.md", from: 3\n   lines 3 to 3 of 3')
    expect(stdout.match(/The lamp is lit at dusk \(lamp\.md:3\)\./g)).toHaveLength(1)
    expect(stdout).toMatch(/\ncompleted · 6 steps \(3 model calls, 3 tool calls\) · 360 tokens · /)
    expect(code).toBe(0)

    expect(requests.map((request) => request.model)).toEqual(['local-model', 'local-model', 'local-model'])
    expect(requests[0]?.tools.map((tool) => tool.function.name)).toEqual(['list_files', 'search_passages', 'read_file'])
    expect(requests[0]?.messages.map((message) => message.role)).toEqual(['system', 'user'])
    const told = requests[2]?.messages.filter((message) => message.role === 'tool').map((message) => message.content)
    expect(told).toHaveLength(3)
    expect(told?.[2]).toContain('3: The lamp is lit at dusk.')
  })

  it('refuses a path that leads out of the folder, and tells the model', async () => {
    const { code, stdout, requests } = await askModel([
      {
        calls: [
          { name: 'read_file', input: { file: '../../../../etc/passwd' } },
          { name: 'read_file', input: { file: '/etc/passwd' } },
        ],
      },
      { text: ['I cannot read that.'] },
    ])
    expect(stdout).toContain('the folder has no document "../../../../etc/passwd"')
    const told = JSON.stringify(requests[1]?.messages)
    expect(told).toContain('the folder has no document')
    expect(told).not.toContain('root:')
    expect(code).toBe(0)
  })

  it('says that tokens were not reported', async () => {
    const { stdout } = await askModel([{ text: ['At dusk.'], usage: false }])
    expect(stdout).toContain('1 step (1 model call, 0 tool calls) · tokens not reported')
  })

  it('tries again when the server is overloaded', async () => {
    const { code, stdout } = await askModel([
      { status: 429, message: 'slow down', headers: { 'retry-after-ms': '20' } },
      { text: ['At dusk.'] },
    ])
    expect(stdout).toContain('slow down; trying again in')
    expect(stdout).toContain('At dusk.')
    expect(code).toBe(0)
  })

  it('fails with the code of the error when the server refuses', async () => {
    const { code, stdout } = await askModel([{ status: 401, message: 'Incorrect API key provided' }])
    expect(stdout).toContain('MODEL_FAILED: ')
    expect(stdout).toContain('Incorrect API key provided')
    expect(stdout).toContain('\nfailed · 1 step')
    expect(code).toBe(1)
  })

  it('stops at Ctrl-C and closes the connection', async () => {
    await using server = await startChatServer(['hang'])
    const env = { OPENAI_BASE_URL: server.baseURL, OPENAI_MODEL: 'local-model' }
    const running = startExample('ask-folder', [folder, 'When?'], { env })
    await running.written('Let me')
    running.child.kill('SIGINT')
    const { code, stdout } = await running.ended
    expect(stdout).toContain('Stopped: the run was cancelled: you pressed Ctrl-C')
    expect(stdout).toContain('\ncancelled · 1 step')
    expect(code).toBe(130)
    await vi.waitFor(() => expect(server.aborted).toBe(1))
  })

  it('names what is missing of a configuration', async () => {
    const env = { OPENAI_BASE_URL: 'http://127.0.0.1:9/v1' }
    const { code, stderr } = await runExample('ask-folder', [folder, 'When?'], { env })
    expect(stderr).toContain('OPTIONS_INVALID: OPENAI_BASE_URL is set')
    expect(stderr).toContain('set OPENAI_MODEL too')
    expect(code).toBe(2)
  })

  it.each([
    ['@ai-sdk/openai', { OPENAI_API_KEY: 'test' }],
    ['@ai-sdk/anthropic', { ANTHROPIC_API_KEY: 'test' }],
    ['@ai-sdk/openai-compatible', { OPENAI_BASE_URL: 'http://127.0.0.1:9/v1', OPENAI_MODEL: 'm' }],
  ])('names %s and the command that installs it when it is missing', async (name, env) => {
    const hide = `import { registerHooks } from 'node:module'
      registerHooks({ resolve(specifier, context, next) {
        if (specifier === '${name}') throw Object.assign(new Error('not found'), { code: 'ERR_MODULE_NOT_FOUND' })
        return next(specifier, context)
      } })`
    const options = `--import data:text/javascript,${encodeURIComponent(hide)}`
    const { code, stderr } = await runExample('ask-folder', [folder, 'When?'], { env: { ...env, NODE_OPTIONS: options } })
    expect(stderr).toContain(`PLUGIN_PACKAGE_MISSING: the configured model needs the package ${name}: npm install ${name}`)
    expect(code).toBe(78)
  })
})
