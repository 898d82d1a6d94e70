import { expect, it } from 'vitest'
import { fromYamlServers, parseMcpServers } from '../index.ts'

const TEXT = `
mcp_server_base_path: /srv/mcp
mcp_call_tool_timeout_seconds: 2.5
database_url: sqlite://x
servers:
  time:
    command: python
    script_path: time/server.py
    args: ["--zone", "\${ZONE}"]
    env: { API_KEY: "\${KEY}", MODE: "plain-\${KEY}" }
  off: { enabled: false, command: other }
`

it('reads the old form', async () => {
  const servers = parseMcpServers(await fromYamlServers(TEXT), { environment: { ZONE: 'UTC', KEY: 'hush-hush' } })
  expect(servers).toMatchObject([
    {
      name: 'time',
      enabled: true,
      limits: { callTimeoutMs: 2_500 },
      target: {
        command: 'python',
        args: ['/srv/mcp/time/server.py', '--zone', 'UTC'],
        env: { API_KEY: 'hush-hush', MODE: 'plain-${KEY}' },
      },
    },
    { name: 'off', enabled: false },
  ])
})

it.each([
  ['servers: {a: {command: x, what: 1}}', 'servers.a.what is not known'],
  ['what: 1\nservers: {}', 'what is not known'],
  ['servers: [', 'is not YAML'],
  ['a', '"servers" is missing'],
])('refuses %j', async (text, problem) => {
  await expect(fromYamlServers(text)).rejects.toMatchObject({
    code: 'OPTIONS_INVALID',
    message: expect.stringContaining(problem),
  })
})
