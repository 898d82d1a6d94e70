/**
 * An agent in a Fastify service. `npm run example fastify` listens until Ctrl-C; with `--demo` it asks itself once and
 * ends. Put your own authentication in front of it.
 */
import { Readable } from 'node:stream'
import { fastify } from 'fastify'
import { createOrchestrator } from 'opspawn'
import { concierge } from '../shared/concierge.ts'
import { httpError } from '../shared/http-error.ts'
import { serverSentEvents } from '../shared/server-sent-events.ts'
import { useService } from '../shared/use-service.ts'

const ops = await createOrchestrator({ agents: [concierge] })
const app = fastify({ bodyLimit: 100_000 })

/** Starts a run and answers at once. A client that repeats its request with the same Idempotency-Key gets the same run. */
app.post<{ Body: { question?: unknown } | null; Headers: { 'idempotency-key'?: string } }>('/ask', async (request, reply) => {
  const idempotencyKey = request.headers['idempotency-key']
  const run = await ops.start('concierge', request.body?.question, idempotencyKey === undefined ? {} : { idempotencyKey })
  return reply.status(202).header('location', `/runs/${run.id}`).send({ id: run.id })
})

app.get<{ Params: { id: string } }>('/runs/:id', async (request) => {
  const { runId, status, outcome } = await ops.record(request.params.id)
  return { id: runId, status, outcome }
})

/** Events as they happen; with `Last-Event-ID` those behind it. */
app.get<{ Params: { id: string }; Headers: { 'last-event-id'?: string } }>('/runs/:id/events', async (request, reply) => {
  const run = await ops.run(request.params.id)
  const gone = new AbortController()
  reply.raw.on('close', () => gone.abort())
  const events = Readable.from(serverSentEvents(run, request.headers['last-event-id'], gone.signal))
  return reply.header('content-type', 'text/event-stream').header('cache-control', 'no-cache').send(events)
})

app.setErrorHandler((error, _request, reply) => {
  const { status, body } = httpError(error)
  return reply.status(status).send(body)
})

const origin = await app.listen({ host: '127.0.0.1', port: Number(process.env['PORT'] ?? 0) })
console.log(`listening on ${origin}`)

/** No new requests; runs come to a safe point; open event streams end. */
async function shutDown(): Promise<void> {
  const closed = app.close()
  const { handedBack } = await ops.drain(5_000)
  await ops[Symbol.asyncDispose]()
  await closed
  console.log(`stopped, ${handedBack.length} runs handed back to the store`)
}

if (process.argv.includes('--demo')) {
  await useService(origin)
  await shutDown()
} else {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void shutDown())
}
