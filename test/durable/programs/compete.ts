// Writes to runs of its own as fast as it can, from "go" to "stop"; then says when each append was acknowledged.
import { createInterface } from 'node:readline'
import type { RunEvent } from '../../../src/core/index.ts'
import { sqliteStore } from '../../../src/plugins/store-sqlite/index.ts'
import { monotonicNow } from '../../../src/plugins/store-sqlite/shared-state.ts'

const [path = '', name = '', runs = '1'] = process.argv.slice(2)
const store = sqliteStore({ path, busyMs: 180_000 })
const acknowledged: number[] = []
let isOver = false

async function write(runId: string): Promise<void> {
  await store.create({
    origin: { runId, agent: 'a', definition: 'v1', tenant: 't', input: null, rootId: runId, depth: 0, limits: {} },
  })
  const [claim] = await store.claim({ workerId: name, leaseMs: 600_000, runId })
  if (claim === undefined) throw new Error('the run is not ready')
  for (let { seq } = claim.run; !isOver; seq += 1) {
    const event: RunEvent = { type: 'decision', effects: [], state: name, version: 1, seq: seq + 1, at: 1 }
    await store.append(claim.fence, seq, [event])
    acknowledged.push(Math.round(monotonicNow()))
    if (acknowledged.length % 100 === 0) console.log(`made ${acknowledged.length}`)
  }
}

async function compete(): Promise<void> {
  const from = Math.round(monotonicNow())
  await Promise.all(Array.from({ length: Number(runs) }, (_, index) => write(`${name}-${index}`)))
  console.log(`times ${JSON.stringify({ from, acknowledged })}`)
}

await store.open()
console.log('open')
let competing: Promise<void> | undefined
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'go') competing = compete()
  else break
}
isOver = true
await competing
await store[Symbol.asyncDispose]()
