// `npm run simulate -- --seeds 5000 --from 1 --store memory`: plays seeds one after the other until one breaks a promise.
import { parseArgs } from 'node:util'
import type { BackendName } from './backends.ts'
import { replayCommand, report, simulate } from './simulate.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    store: { type: 'string', default: 'both' },
    trace: { type: 'boolean', default: false },
  },
})
const STORES: Readonly<Record<string, readonly BackendName[]>> = {
  memory: ['memory'],
  sqlite: ['sqlite'],
  both: ['memory', 'sqlite'],
}
const seeds = Number(values.seeds)
const from = Number(values.from)
const stores = STORES[values.store]
if (stores === undefined || !Number.isSafeInteger(seeds) || seeds < 1 || !Number.isSafeInteger(from)) {
  console.error('usage: npm run simulate -- [--seeds 1000] [--from 1] [--store memory|sqlite|both] [--trace]')
  process.exit(2)
}

let playing = { seed: from, store: stores[0] ?? 'memory' }
// What is thrown where nobody waits ends the process; the seed is told all the same.
process.on('uncaughtException', (error) => {
  console.error(`seed ${playing.seed} over ${playing.store}:`, error, `\nagain: ${replayCommand(playing)}`)
  process.exit(1)
})

const counts: Record<string, number> = {}
const began = performance.now()
for (let seed = from; seed < from + seeds; seed += 1) {
  for (const store of stores) {
    playing = { seed, store }
    const verdict = await simulate(seed, store)
    if (verdict.violations.length > 0) {
      console.error(report(verdict))
      process.exit(1)
    }
    if (values.trace) console.log(verdict.trace.join('\n'))
    for (const [what, number] of Object.entries(verdict.counts)) counts[what] = (counts[what] ?? 0) + number
  }
  if (process.stderr.isTTY && seed % 20 === 0) process.stderr.write(`\rseed ${seed} `)
}
const seconds = ((performance.now() - began) / 1_000).toFixed(1)
console.log(`${seeds} seeds from ${from} over ${stores.join(' and ')}: every promise held (${seconds} s)`)
console.log(
  Object.entries(counts)
    .map(([what, number]) => `${what} ${number}`)
    .join(', '),
)
