/** The states of a link, with a driver in memory and time by hand. */
import { manualClock } from '../../../testing/clock.ts'
import { describe, expect, it } from 'vitest'
import { OpspawnError } from '../../../core/index.ts'
import { createMcpConnections, parseMcpServers, type McpConnection, type McpConnectOptions, type McpLinkEvent } from '../index.ts'

const KEY = 'the-secret-key'

function fakeHost(outcome: (attempt: number) => Error | undefined) {
  const clock = manualClock()
  const opened: { readonly options: McpConnectOptions; isClosed: boolean }[] = []
  const events: McpLinkEvent[] = []
  let attempts = 0
  const environment = { KEY }
  const servers = parseMcpServers({ mcpServers: { one: { command: 'x', env: { A: '${env:KEY}' } } } }, { environment })
  const connections = createMcpConnections({
    servers,
    clock,
    random: () => 1,
    onEvent: (_server, _principal, event) => events.push(event),
    driver: {
      name: 'in memory',
      async connect(_endpoint, options) {
        const error = outcome((attempts += 1))
        if (error !== undefined) throw error
        const held = { options, isClosed: false }
        opened.push(held)
        return {
          protocolVersion: '2026-07-28',
          serverInfo: { name: 'n', version: '1' },
          close: async () => void (held.isClosed = true),
        } as never as McpConnection
      },
    },
  })
  return { clock, connections, events, opened, attempts: () => attempts }
}

const away = () => new OpspawnError('TOOL_UNAVAILABLE', `nobody at ${KEY}`)

describe('a link', () => {
  it('connects once for all who ask at the same time', async () => {
    const { connections, attempts } = fakeHost(() => undefined)
    const link = connections.link('one')
    expect(link.state().state).toBe('idle')
    await Promise.all([1, 2, 3].map(() => link.use(async () => undefined)))
    expect(attempts()).toBe(1)
    await connections.close()
    expect(link.state().state).toBe('closed')
    await expect(link.use(async () => undefined)).rejects.toMatchObject({ code: 'TOOL_UNAVAILABLE', retryable: false })
  })

  it('backs off, twice as long each time, and is tried by itself; no secret is told', async () => {
    const { connections, attempts, clock } = fakeHost((attempt) => (attempt < 4 ? away() : undefined))
    const link = connections.link('one')
    await expect(link.use(async () => undefined)).rejects.toThrow('MCP server "one": nobody at ***')
    const waits: number[] = []
    for (let attempt = 1; attempt < 4; attempt += 1) {
      const { state, retryAt } = link.state()
      expect(state).toBe('backoff')
      waits.push(retryAt! - clock.now())
      await clock.advance(waits.at(-1)!)
      await expect.poll(attempts).toBe(attempt + 1)
      await Promise.resolve()
    }
    expect(waits).toEqual([500, 1_000, 2_000])
    await expect.poll(() => link.state().state).toBe('ready')
    expect(link.state()).toMatchObject({ lastError: { message: expect.stringContaining('***') } })
    expect(JSON.stringify(connections.states())).not.toContain(KEY)
    await connections.close()
  })

  it('is not tried again by itself when what is wrong stays wrong, and tells at once until it may be', async () => {
    const gone = new OpspawnError('TOOL_UNAVAILABLE', 'no such program', { retryable: false })
    const { connections, attempts, clock } = fakeHost(() => gone)
    const link = connections.link('one')
    for (let attempt = 1; attempt <= 4; attempt += 1) {
      await expect(link.use(async () => undefined)).rejects.toMatchObject({ code: 'TOOL_UNAVAILABLE' })
      expect(link.state().state).toBe('failed')
      if (attempt < 4) await clock.advance(link.state().retryAt! - clock.now())
    }
    expect(attempts()).toBe(4)
    const early = link.use(async () => undefined)
    await expect(early).rejects.toMatchObject({
      details: { retryAfterMs: 4_000 },
      message: expect.stringContaining('no such program'),
    })
    expect(attempts()).toBe(4)
    await connections.close()
  })

  it('does what provably did not arrive once more over a new connection, and nothing else', async () => {
    const { connections, attempts, opened } = fakeHost(() => undefined)
    const link = connections.link('one')
    let calls = 0
    const result = await link.use(async () => {
      calls += 1
      if (calls === 1) throw new OpspawnError('TOOL_UNAVAILABLE', 'forgotten', { details: { reason: 'session-expired' } })
      return calls
    })
    expect([result, attempts(), opened[0]!.isClosed]).toEqual([2, 2, true])
    for (const code of ['EFFECT_UNKNOWN', 'TOOL_UNAVAILABLE', 'TOOL_FAILED'] as const) {
      let tries = 0
      const work = async (): Promise<never> => {
        tries += 1
        throw new OpspawnError(code, 'broke')
      }
      await expect(link.use(work)).rejects.toMatchObject({ code, message: 'MCP server "one": broke' })
      expect(tries).toBe(1)
    }
    expect(attempts()).toBe(2)
    await connections.close()
  })

  it('comes back after a loss, and says that lists have to be read again', async () => {
    const { connections, clock, events, opened } = fakeHost(() => undefined)
    const link = connections.link('one')
    await link.use(async () => undefined)
    opened[0]!.options.onEvent({ type: 'closed', error: away() })
    expect(link.state()).toMatchObject({ state: 'backoff', lastError: { message: 'MCP server "one": nobody at ***' } })
    await clock.advance(500)
    await expect.poll(() => link.state().state).toBe('ready')
    expect(events.filter(({ type }) => type === 'ready')).toEqual([
      { type: 'ready', isAgain: false },
      { type: 'ready', isAgain: true },
    ])
    await connections.close()
  })

  it('leaves the connecting to others when one who waits for it goes, and says why that one went', async () => {
    const { connections } = fakeHost(() => undefined)
    const link = connections.link('one')
    const reason = new Error('no more time')
    await expect(link.use(async () => undefined, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    await connections.close()
  })
})

it('there is no link to a server that is not configured', () => {
  const { connections } = fakeHost(() => undefined)
  expect(() => connections.link('two')).toThrow('There is no MCP server "two"; there are: one')
})
