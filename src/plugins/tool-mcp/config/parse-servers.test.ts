import { expect, it } from 'vitest'
import { OpspawnError } from '../../../core/index.ts'
import { parseMcpServers } from '../index.ts'

const environment = { TOKEN: 'hush-hush-token', DIR: '/data', HOME: '/home/ada', PATH: '/bin', AWS_SECRET: 'not-for-servers' }

it('reads the form that hosts share, with variables, defaults and what is inherited', () => {
  const [files, web, off] = parseMcpServers(
    {
      mcpServers: {
        files: {
          command: 'npx',
          args: ['-y', 'server', '${env:DIR}/x'],
          env: { API_KEY: 'a-${env:TOKEN}' },
          cwd: '/tmp',
          trust: 'trusted',
        },
        web: {
          type: 'http',
          url: 'https://mcp.example/mcp',
          headers: { authorization: 'Bearer ${env:TOKEN}' },
          limits: { callTimeoutMs: 5 },
        },
        off: { command: 'x', disabled: true, inheritEnv: 'none' },
      },
    },
    { environment },
  )
  expect(files).toMatchObject({
    name: 'files',
    enabled: true,
    trust: 'trusted',
    target: {
      kind: 'stdio',
      args: ['-y', 'server', '/data/x'],
      cwd: '/tmp',
      env: { HOME: '/home/ada', PATH: '/bin', API_KEY: 'a-hush-hush-token' },
    },
  })
  expect(files?.target).not.toHaveProperty('env.AWS_SECRET')
  expect(files?.secrets).toEqual(expect.arrayContaining(['hush-hush-token', 'a-hush-hush-token']))
  expect(web).toMatchObject({
    trust: 'untrusted',
    limits: { callTimeoutMs: 5, connectTimeoutMs: 10_000 },
    target: {
      kind: 'http',
      url: 'https://mcp.example/mcp',
      headers: { authorization: 'Bearer hush-hush-token' },
      allowHosts: [],
    },
  })
  expect(web?.secrets).toContain('Bearer hush-hush-token')
  expect(off).toMatchObject({ enabled: false, target: { env: {} } })
})

it('does not look again at what a variable holds', () => {
  const given = { A: '${env:TOKEN}', TOKEN: 'x' }
  const [server] = parseMcpServers({ mcpServers: { s: { command: '${env:A}' } } }, { environment: given })
  expect(server?.target).toMatchObject({ command: '${env:TOKEN}' })
})

it('tells of all problems at once, each with its place', () => {
  const mcpServers = {
    'a b': { command: 'x' },
    both: { command: 'x', url: 'https://x' },
    none: {},
    unset: { command: 'x', env: { KEY: '${env:NOT_THERE}' } },
    kinds: { command: '', args: [1], cwd: 2, env: [], limits: { callTimeoutMs: 0, what: 1 }, enabled: 'yes', autoApprove: [] },
    web: { url: 'ftp://x', headers: { host: 'x', 'x-y': 'a\nb' }, allowHosts: ['nowhere'] },
    user: { url: 'https://me:secret@x/' },
    sse: { type: 'sse', url: 'https://x/' },
    text: 'x',
  }
  let error: unknown
  try {
    parseMcpServers({ mcpServers, extra: 1 }, { environment })
  } catch (thrown) {
    error = thrown
  }
  expect(OpspawnError.is(error, 'OPTIONS_INVALID')).toBe(true)
  const { problems } = (error as OpspawnError).details as { readonly problems: readonly string[] }
  const starts = [
    '"extra" is not known',
    'mcpServers.a b has a name',
    'mcpServers.both has both "command" and "url"',
    'mcpServers.none has neither',
    'mcpServers.unset.env.KEY needs the variable "NOT_THERE", which is not set',
    'mcpServers.kinds.command is not a text',
    'mcpServers.kinds.args[0] is not a text',
    'mcpServers.kinds.cwd is not a text',
    'mcpServers.kinds.env is not an object',
    'mcpServers.kinds.limits.callTimeoutMs is not a whole number',
    'mcpServers.kinds.limits.what is not known',
    'mcpServers.kinds.enabled is not true or false',
    'mcpServers.kinds.autoApprove is not known',
    'mcpServers.web.url is not an address of http or https',
    'mcpServers.web.headers.host is set by the protocol',
    'mcpServers.web.headers.x-y cannot be sent',
    'mcpServers.web.allowHosts is not a list',
    'mcpServers.user.url holds a user or a password',
    'mcpServers.sse.type is not one of',
    'mcpServers.text is not an object',
  ]
  for (const start of starts)
    expect(
      problems.some((one) => one.startsWith(start)),
      start,
    ).toBe(true)
  expect(problems).toHaveLength(starts.length)
  expect(String(error)).not.toContain('secret')
})

it.each([undefined, null, [], { mcpServers: [] }, {}])('refuses %j', (value) => {
  expect(() => parseMcpServers(value)).toThrow(/mcpServers|not an object/)
})
