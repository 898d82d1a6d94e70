/** Tools of MCP servers through the one tool in front of them. */
import { countTokens } from 'gpt-tokenizer'
import { describe, expect, test } from 'vitest'
import type { JsonObject, Tool } from '../../src/index.ts'
import { toolContext } from '../../src/testing/index.ts'
import { type Input, made, one, play, quiet, through } from '../fixtures/mcp/agent-runs.ts'
import { definition, fakeServers, textResult } from '../fixtures/mcp/fake-servers.ts'
import real from '../fixtures/mcp/real-tools.json' with { type: 'json' }
import { SEARCH_QUERIES } from '../fixtures/mcp/search-queries.ts'

describe('the tool in front', () => {
  test('lists, describes and calls; a call is one of the tool that it is for', async () => {
    const servers = one()
    const calls = [
      through({ action: 'list', query: 'note' }),
      through({ action: 'describe', tool: 's__note' }),
      through({ action: 'call', tool: 's__note', arguments: { text: 'x' } }),
    ]
    const { results, events } = await play(made(servers), calls)
    expect(results).toEqual([
      { status: 'completed', value: 's__note: Does note.' },
      { status: 'completed', value: 's__note(text?: string) asks a person\nDoes note.' },
      { status: 'completed', value: { from: 'MCP server s', text: '{"text":"x"}' } },
    ])
    expect(events.filter(({ type }) => type === 'effect-route')).toMatchObject([{ tool: 's__note' }])
    expect(events.filter(({ type }) => type === 'approval-request')).toHaveLength(1)
  })

  test('has wrong names and wrong arguments mended in one further step', async () => {
    const strict = definition('note', {
      inputSchema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'], additionalProperties: false },
    })
    const servers = one({ tools: [strict, definition('delete')] })
    const { results, prompts } = await play(made(servers, { access: { s: quiet } }), [
      through({ action: 'call', tool: 's__notes', arguments: {} }),
      through({ action: 'call', tool: 's__note', arguments: { words: 1 } }),
      through({ action: 'call', tool: 'note', server: 's', arguments: { text: 'x' } }),
    ])
    expect(results[0]).toMatchObject({ error: { code: 'TOOL_UNKNOWN', message: expect.stringContaining('nearest: s__note') } })
    expect(results[1]).toMatchObject({ error: { code: 'TOOL_INPUT_INVALID' } })
    expect(prompts[2]).toContain('"required":["text"]')
    expect(results[2]).toMatchObject({ status: 'completed' })
    expect(servers.calls).toEqual(['s note'])
  })

  test('shows nothing of servers and tools that the agent may not use', async () => {
    const servers = fakeServers({
      s: { tools: [definition('note'), definition('drop')] },
      vault: { tools: [definition('open')] },
    })
    const mcp = made(servers, { access: { vault: { agents: ['other*'] } } })
    const policy = { rules: [{ verdict: 'deny', tool: 's__drop' }] } as const
    const { results, prompts } = await play(
      mcp,
      [
        through({ action: 'list' }),
        through({ action: 'list', query: 'open drop' }),
        through({ action: 'list', server: 'vault' }),
        through({ action: 'call', tool: 'vault__open', arguments: {} }),
        through({ action: 'describe', tool: 's__drop' }),
      ],
      { policy },
    )
    expect(results[0]).toMatchObject({ value: 's: note' })
    expect(results[1]).toMatchObject({ value: 'no tool fits; servers: s' })
    for (const result of results.slice(2)) expect(result).toMatchObject({ error: { code: 'TOOL_UNKNOWN' } })
    expect(prompts.at(-1)?.replaceAll(/vault__open|"vault"|s__drop|open drop/g, '')).not.toMatch(/vault|drop/)
    expect(servers.calls).toEqual([])
  })

  test('reads resources, lists them, and gives the rest of what was cut', async () => {
    const servers = one({
      resources: { 'a://text': { uri: 'a://text', text: 'x'.repeat(30) } },
      answer: () => textResult('0123456789'),
    })
    const mcp = made(servers, { access: { s: quiet }, maxResultBytes: 8 })
    const model: Input[] = [
      through({ action: 'read', server: 's' }),
      through({ action: 'read', server: 's', uri: 'a://text' }),
      through({ action: 'call', tool: 's__note' }),
    ]
    const { results } = await play(mcp, model)
    expect(results).toMatchObject([
      { value: { resources: ['a://text text'] } },
      { value: { parts: [{ uri: 'a://text', text: 'x'.repeat(8), more: { offset: 8, size: 30 } }] } },
      { value: { text: '01234567', more: { offset: 8, size: 10 } } },
    ])
    expect(servers.read).toEqual(['a://text'])
    const [front] = await mcp.tools({ mode: 'proxy' })
    const context = toolContext({ agent: 'clerk', session: 'x' })
    const direct = (await mcp.tools({ mode: 'direct' })) as readonly Tool<
      JsonObject,
      { readonly more: { readonly id: string } }
    >[]
    const { more } = await (direct[0] as (typeof direct)[0]).execute({}, context)
    const routed = front?.route?.({ action: 'more', id: more.id, offset: 8 }, context)
    expect(await routed?.tool.execute(routed.input, context)).toEqual({ text: '89' })
    expect(routed?.tool.labels).toEqual([])
  })

  test('costs under 350 tokens in its first round with 36 tools, whichever of them is needed, found by its name or by words', async () => {
    const servers = fakeServers(Object.fromEntries(Object.entries(real).map(([name, { tools }]) => [name, { tools }])))
    const mcp = made(servers)
    const [front] = await mcp.tools({ mode: 'auto' })
    if (front === undefined) throw new Error('there is no tool')
    const tokens = (value: unknown): number => countTokens(typeof value === 'string' ? value : JSON.stringify(value))
    const ask = async (input: JsonObject): Promise<number> => tokens(await front.execute(input, toolContext()))
    const definitionTokens = tokens({ name: front.name, description: front.description, parameters: front.input })
    const names = await ask({ action: 'list' })
    const rounds = new Map<string, number>()
    // It runs only as a task, and is not described.
    const needsTask = 'everything__simulate-research-query'
    for (const { tool } of await mcp.list()) {
      if (tool === needsTask) continue
      rounds.set(tool, definitionTokens + names + (await ask({ action: 'describe', tool })))
    }
    for (const [query, tool] of SEARCH_QUERIES) {
      if (tool === needsTask) continue
      const round = definitionTokens + (await ask({ action: 'list', query })) + (await ask({ action: 'describe', tool }))
      rounds.set(query, round)
    }
    expect(rounds.size).toBe(35 + SEARCH_QUERIES.filter(([, tool]) => tool !== needsTask).length)
    expect([...rounds].filter(([, round]) => round >= 350)).toEqual([])
  })

  test('tells of a tool what it takes and the beginning, and the rest, to the last character, when asked on', async () => {
    const description = Array.from({ length: 400 }, (_, at) => `word-${at}`).join(' ')
    const [front] = await made(one({ tools: [definition('note', { description })] })).tools({ mode: 'proxy' })
    const parts: string[] = []
    for (let offset = 0; ;) {
      const said = String(await front?.execute({ action: 'describe', tool: 's__note', offset }, toolContext()))
      const [, part = said, next] = /^([^]*)…\n\(more: describe with offset (\d+)\)$/.exec(said) ?? []
      parts.push(part)
      if (next === undefined) break
      offset = Number(next)
    }
    expect(parts.length).toBeGreaterThan(1)
    expect(parts.join('')).toBe(`s__note(text?: string) asks a person\n${description}`)
  })

  test.each<[JsonObject, string]>([
    [{ action: 'call' }, 'call needs tool'],
    [{ action: 'describe', tool: 'x', server: 'nowhere' }, 'there is no server'],
    [{ action: 'read' }, 'read needs server'],
    [{ action: 'more' }, 'more needs the id'],
    [{ action: 'more', id: 'nothing' }, 'nothing is kept'],
    [{ action: 'read', server: 's', uri: 'no' }, 'did not give "no"'],
    [{ action: 'dance' }, 'arguments are wrong'],
  ])('says what is missing: %j', async (input, text) => {
    const { results } = await play(made(one()), [through(input)])
    expect(results[0]).toMatchObject({ status: 'failed', error: { message: expect.stringContaining(text) } })
  })
})
