/**
 * An agent in an Express service. `npm run example express` listens until Ctrl-C; with `--demo` it asks itself once and
 * ends. Put your own authentication in front of it.
 */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import express, { type NextFunction, type Request, type Response } from 'express'
import { createOrchestrator } from 'opspawn'
import { concierge } from '../shared/concierge.ts'
import { httpError } from '../shared/http-error.ts'
import { serverSentEvents } from '../shared/server-sent-events.ts'
import { useService } from '../shared/use-service.ts'

const ops = await createOrchestrator({ agents: [concierge] })
const app = express()
app.use(express.json({ limit: '100kb' }))

/** Starts a run and answers at once. A client that repeats its request with the same Idempotency-Key gets the same run. */
app.post('/ask', async (request, response) => {
  const { question } = (request.body ?? {}) as { question?: unknown }
  const idempotencyKey = request.get('idempotency-key')
  const run = await ops.start('concierge', question, idempotencyKey === undefined ? {} : { idempotencyKey })
  response.status(202).location(`/runs/${run.id}`).json({ id: run.id })
})

app.get('/runs/:id', async (request, response) => {
  const { runId, status, outcome } = await ops.record(request.params.id)
  response.json({ id: runId, status, outcome })
})

/** Events as they happen; with `Last-Event-ID` those behind it. */
app.get('/runs/:id/events', async (request, response) => {
  const run = await ops.run(request.params.id)
  const gone = new AbortController()
  response.on('close', () => gone.abort())
  response.set({ 'content-type': 'text/event-stream', 'cache-control': 'no-cache' }).flushHeaders()
  const events = Readable.from(serverSentEvents(run, request.get('last-event-id'), gone.signal))
  // A client that leaves is nothing to report.
  await pipeline(events, response).catch(() => {})
})

// Express knows error handlers by their four parameters.
app.use((error: unknown, _request: Request, response: Response, next: NextFunction) => {
  if (response.headersSent) return next(error)
  const { status, body } = httpError(error)
  response.status(status).json(body)
})

const server = app.listen(Number(process.env['PORT'] ?? 0), '127.0.0.1')
await once(server, 'listening')
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
console.log(`listening on ${origin}`)

/** No new requests; runs come to a safe point; open event streams end. */
async function shutDown(): Promise<void> {
  server.close()
  const { handedBack } = await ops.drain(5_000)
  await ops[Symbol.asyncDispose]()
  console.log(`stopped, ${handedBack.length} runs handed back to the store`)
}

if (process.argv.includes('--demo')) {
  await useService(origin)
  await shutDown()
} else {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void shutDown())
}
