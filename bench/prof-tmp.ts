import { contender } from '/work/main/bench/contenders/opspawn.ts'
import { job } from '/work/main/bench/task.ts'
const h = Number(process.argv[2]), n = Number(process.argv[3])
const p = await contender.prepare(job({ calls: 10, history: h }))
for (let i = 0; i < 3000; i++) await p.run()
const t: number[] = []
for (let b = 0; b < n; b++) { const s = performance.now(); for (let i = 0; i < 100; i++) await p.run(); t.push((performance.now() - s) / 100 * 100) }
t.sort((a, b) => a - b)
console.log('us/step median', t[t.length >> 1]!.toFixed(2), 'q1', t[t.length >> 2]!.toFixed(2), 'min', t[0]!.toFixed(2))
process.exit(0)
