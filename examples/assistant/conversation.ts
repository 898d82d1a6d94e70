/** One conversation with the assistant: opens the memory, says what it was given, one line after the other, and ends. */
import { createOrchestrator, toError } from 'opspawn'
import { assistantWith } from './assistant.ts'
import { smallEmbedder } from './meanings.ts'
import { openMemory } from './memory.ts'

const [kind = '', folder = '', embedder, ...lines] = process.argv.slice(2)

await using memory = await openMemory(kind, folder, embedder === 'small' ? smallEmbedder : undefined)
const assistant = assistantWith(memory)
await using ops = await createOrchestrator({ agents: [assistant], announce: false })

for (const line of lines) {
  const run = await ops.start(assistant, line, { session: 'ada' })
  const outcome = await run.result
  if (outcome.status !== 'completed') throw toError(outcome.error)
  console.log(`  Ada: ${line}\n       ${String(outcome.output)}`)
}
