// Opens a file, accepts one run, and ends without closing anything.
import { sqliteStore } from '../../../src/plugins/store-sqlite/index.ts'

const [path = '', runId = ''] = process.argv.slice(2)
const store = sqliteStore({ path })
await store.create({
  origin: { runId, agent: 'a', definition: 'v1', tenant: 't', input: null, rootId: runId, depth: 0, limits: {} },
})
console.log('accepted')
