import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createOpenAI } from '@ai-sdk/openai'
import { afterAll, beforeAll, test } from 'vitest'
import type { Model } from '../core/index.ts'
import { modelConformance } from './model-conformance.ts'
import type { ModelScenario } from './model-scenarios.ts'

// The suite must not be made to the measure of our own model: here it judges a real provider package in front of a
// local server that speaks its wire format. The scenario travels as the model's id.

const STATUS: Partial<Record<ModelScenario, number>> = { 'rate-limit': 429, 'server-error': 500, 'bad-request': 400 }
const ARGUMENTS: Partial<Record<ModelScenario, readonly string[]>> = {
  'tool-call': ['{"city":"Bergen"}'],
  'parallel-calls': ['{"city":"Bergen"}', '{"city":"Oslo"}'],
  'bad-arguments': ['{"city": "Par'],
}

function answer(scenario: ModelScenario, isStream: boolean, response: ServerResponse): void {
  const status = STATUS[scenario]
  if (status !== undefined) {
    response.writeHead(status, { 'content-type': 'application/json', ...(status === 429 ? { 'retry-after': '2' } : undefined) })
    response.end('{"error":{"message":"no","type":"test"}}')
  } else if (scenario === 'truncated' || scenario === 'hang-midway') {
    response.writeHead(200, { 'content-type': isStream ? 'text/event-stream' : 'application/json' })
    response.write(event(scenario, { choices: [{ index: 0, delta: { role: 'assistant', content: 'Hello' } }] }))
    if (scenario === 'truncated') response.end()
  } else if (scenario !== 'hang') {
    answerWhole(scenario, isStream, response)
  }
}

function answerWhole(scenario: ModelScenario, isStream: boolean, response: ServerResponse): void {
  const usage = scenario === 'unreported' ? undefined : { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
  const calls = ARGUMENTS[scenario]?.map((text, index) => ({
    index,
    id: `call-${index}`,
    type: 'function',
    function: { name: 'weather', arguments: text },
  }))
  const reason = calls === undefined ? 'stop' : 'tool_calls'
  if (!isStream) {
    const message = { role: 'assistant', content: calls === undefined ? 'Hello there.' : null, tool_calls: calls }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(
      JSON.stringify({ id: 'r', created: 1, model: scenario, choices: [{ index: 0, message, finish_reason: reason }], usage }),
    )
    return
  }
  const deltas = calls === undefined ? [{ role: 'assistant', content: 'Hello' }, { content: ' there.' }] : [{ tool_calls: calls }]
  const chunks: object[] = deltas.map((delta) => ({ choices: [{ index: 0, delta }] }))
  if (scenario === 'unknown-part') chunks.push({ choices: [], surprise: true })
  chunks.push({ choices: [{ index: 0, delta: {}, finish_reason: reason }] })
  if (usage !== undefined) chunks.push({ choices: [], usage })
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.end(`${chunks.map((chunk) => event(scenario, chunk)).join('')}data: [DONE]\n\n`)
}

function event(scenario: ModelScenario, chunk: object): string {
  return `data: ${JSON.stringify({ id: 'r', created: 1, model: scenario, ...chunk })}\n\n`
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  const { model, stream } = JSON.parse(body) as { model: ModelScenario; stream?: boolean }
  answer(model, stream === true, response)
}

const server = createServer((request, response) => void handle(request, response))
beforeAll(() => new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve)))
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const reason = 'this wire format has no reasoning'
modelConformance({
  test,
  createModel(scenario): Model {
    const { port } = server.address() as AddressInfo
    return createOpenAI({ baseURL: `http://127.0.0.1:${port}/v1`, apiKey: 'none' }).chat(scenario)
  },
  skip: {
    'answer: generate, reasoning': reason,
    'answer: stream, reasoning': reason,
    'answer: generate and stream agree, reasoning': reason,
  },
})
