/** Brings a memory in a file in step with a folder, and says each document that is there. */
import { ingest } from '../../../src/documents/index.ts'
import { inProcessMemory } from '../../../src/plugins/memory-in-process/index.ts'

const [folder = '', path = ''] = process.argv.slice(2)
await using memory = inProcessMemory({ path, sync: false })
const report = await ingest(memory.bind({ tenant: 'acme' }), folder, {
  collection: 'docs',
  onProgress: ({ document, status }) => process.stdout.write(`${status} ${document}\n`),
})
process.stdout.write(`done ${JSON.stringify(report.counts)}\n`)
