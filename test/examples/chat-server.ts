import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'

/** What the server does with one request. */
export type Turn =
  | { readonly calls: readonly { readonly name: string; readonly input: object }[] }
  | { readonly text: readonly string[]; readonly usage?: false }
  | { readonly status: number; readonly message: string; readonly headers?: Record<string, string> }
  /** Begins an answer and leaves it open. */
  | 'hang'

/** The body of a request, as far as tests look at it. */
export interface ChatRequest {
  readonly model: string
  readonly messages: readonly { readonly role: string; readonly content: unknown }[]
  readonly tools: readonly { readonly function: { readonly name: string } }[]
}

/** A server on this machine that speaks OpenAI's chat completions, streamed, and answers turn by turn. */
export interface ChatServer extends AsyncDisposable {
  readonly baseURL: string
  readonly requests: readonly ChatRequest[]
  /** Connections that the client closed before the answer was whole. */
  readonly aborted: number
}

/** Starts it on a free port. */
export async function startChatServer(turns: readonly Turn[]): Promise<ChatServer> {
  const requests: ChatRequest[] = []
  let aborted = 0
  const server = createServer(async (request, response) => {
    const turn = turns[requests.length] ?? { status: 400, message: 'no turn is left' }
    requests.push((await json(request)) as ChatRequest)
    response.on('close', () => {
      if (!response.writableFinished) aborted += 1
    })
    if (turn !== 'hang' && 'status' in turn) {
      response.writeHead(turn.status, { 'content-type': 'application/json', ...turn.headers })
      response.end(JSON.stringify({ error: { message: turn.message, type: 'error', code: null, param: null } }))
      return
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const chunk of chunksOf(turn)) response.write(`data: ${JSON.stringify(chunk)}\n\n`)
    if (turn !== 'hang') response.end('data: [DONE]\n\n')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    get aborted() {
      return aborted
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

function chunksOf(turn: Exclude<Turn, { status: number }>): object[] {
  if (turn === 'hang') return [chunk({ role: 'assistant', content: 'Let me' })]
  if ('calls' in turn) {
    const calls = turn.calls.map(({ name, input }, index) =>
      chunk({
        tool_calls: [{ index, id: `call_${index}`, type: 'function', function: { name, arguments: JSON.stringify(input) } }],
      }),
    )
    return [...calls, chunk({}, 'tool_calls'), usage]
  }
  return [...turn.text.map((content) => chunk({ content })), chunk({}, 'stop'), ...(turn.usage === false ? [] : [usage])]
}

function chunk(delta: object, finish: string | null = null): object {
  return { ...envelope, choices: [{ index: 0, delta, finish_reason: finish }] }
}

const envelope = { id: 'chat_1', object: 'chat.completion.chunk', created: 1_700_000_000, model: 'local-model' }
const usage = { ...envelope, choices: [], usage: { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 } }
