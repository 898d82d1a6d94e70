// Writes to a memory that others share, says what was acknowledged, and is killed on the way.
import { writeSync } from 'node:fs'
import { sqliteMemory } from '../../../src/plugins/memory-sqlite/index.ts'
import { fact, testEmbedder } from '../../../src/testing/memory-world.ts'

const [path = '', mode = '', name = ''] = process.argv.slice(2)
// At once, not through a stream: what was said must be said when the process is killed.
const say = (text: string): void => void writeSync(1, `${text}\n`)

async function share(): Promise<void> {
  const memory = sqliteMemory({ path })
  const handle = memory.bind({ tenant: 't', session: 's' })
  await memory.stats()
  say('ready')
  await new Promise((resolve) => void process.stdin.once('data', resolve))
  const receipts = await Promise.all(
    Array.from({ length: 30 }, (_, at) => handle.append([fact(`shared ${at}`, { id: `id ${at}` })])),
  )
  say(`inserted ${receipts.filter(({ outcomes }) => outcomes[0]?.status === 'inserted').length}`)
  process.stdin.destroy()
  await memory[Symbol.asyncDispose]()
}

async function write(): Promise<void> {
  const memory = sqliteMemory({ path })
  const handle = memory.bind({ tenant: 't', session: 's' })
  const lane = async (number: number): Promise<never> => {
    for (let at = 0; ; at += 1) {
      const id = `${name}-${number}-${at}`
      await handle.append([fact(`pelican of ${id}`, { id })])
      say(`kept ${id}`)
    }
  }
  await Promise.all([0, 1, 2, 3].map(lane))
}

async function erase(): Promise<void> {
  const memory = sqliteMemory({ path })
  await memory.stats()
  say('erasing')
  await memory.bind({ tenant: 't', session: 'gone' }).forget('all', 'erase')
  say('erased')
  await memory.maintain()
}

async function reembed(): Promise<void> {
  const memory = sqliteMemory({ path, embedder: testEmbedder(name), reembed: true })
  await memory.stats()
  say('reembedding')
  await memory.maintain()
}

const modes: Readonly<Record<string, () => Promise<void>>> = { share, write, erase, reembed }
await modes[mode]?.()
