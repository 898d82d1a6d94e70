// Runs the suite of memories over LanceDB with another package in the place of Apache Arrow: `arrow <package> <folder>`.
import { registerHooks } from 'node:module'
import { join } from 'node:path'

const [name = '', folder = ''] = process.argv.slice(2)
const copies = new Set<string>()
registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier === 'apache-arrow' ? name : specifier, context)
    const copy = /\/node_modules\/(apache-arrow[^/]*)\//.exec(resolved.url)?.[1]
    if (copy !== undefined) copies.add(copy)
    return resolved
  },
})
const { lancedbMemory } = await import('../../../src/plugins/memory-lancedb/index.ts')
const { memoryConformance } = await import('../../../src/testing/memory-conformance.ts')

const cases: (readonly [title: string, run: () => Promise<void>])[] = []
let memories = 0
memoryConformance({
  test: (title, run) => void cases.push([title, run]),
  createMemory: (setup) => lancedbMemory({ ...setup, path: join(folder, `${(memories += 1)}`) }),
})
const failed: string[] = []
for (const [title, run] of cases)
  await run().catch((error: unknown) => {
    failed.push(`${title}: ${error instanceof Error ? error.message : String(error)}`)
  })
console.log(JSON.stringify({ copies: [...copies], ran: cases.length, failed }))
