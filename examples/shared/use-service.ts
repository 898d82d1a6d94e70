/** What a client of the services does: asks, watches, loses the connection, comes back, looks at the result. */
export async function useService(origin: string): Promise<void> {
  const asked = await post(`${origin}/ask`, { question: 'Do I need an umbrella in Bergen?' })
  const { id } = (await asked.json()) as { id: string }
  console.log(`POST /ask: ${asked.status}`)

  console.log('GET /runs/:id/events')
  const first = await readEvents(`${origin}/runs/${id}/events`, undefined, 2)
  console.log(`the connection is lost behind event ${first}; again with Last-Event-ID: ${first}`)
  await readEvents(`${origin}/runs/${id}/events`, first, Infinity)

  const run = await fetch(`${origin}/runs/${id}`)
  console.log(`GET /runs/:id: ${run.status} ${await run.text()}`.replace(id, '…'))
  const unknown = await fetch(`${origin}/runs/nobody`)
  console.log(`GET /runs/nobody: ${unknown.status} ${await unknown.text()}`)
  const wrong = await post(`${origin}/ask`, { question: '' })
  console.log(`POST /ask without a question: ${wrong.status} ${await wrong.text()}`)
}

function post(url: string, body: object): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
}

/** Prints events, at most so many; gives the id of the last one. A browser has `EventSource` for this. */
async function readEvents(url: string, lastEventId: string | undefined, most: number): Promise<string | undefined> {
  const response = await fetch(url, { headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId } })
  let id = lastEventId
  let rest = ''
  let count = 0
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const blocks = (rest + chunk).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      id = /^id: (.+)$/m.exec(block)?.[1] ?? id
      console.log(`  ${block.replaceAll('\n', '  ')}`)
      count += 1
      // Leaving the loop closes the connection.
      if (count >= most) return id
    }
  }
  return id
}
