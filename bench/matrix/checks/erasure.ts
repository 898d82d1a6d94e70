import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { getHeapSnapshot, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { fails, holds, type Check, type Contender } from '../contender.ts'

/** What is looked for is made anew each time, so that nothing of the check itself keeps it. */
const NEEDLE = [113, 122, 106, 120, 45, 119, 118, 107, 113, 45, 55, 51, 49, 57, 48, 52]
const HEAP = 'the heap'
const needle = (): Buffer => Buffer.from(NEEDLE)

/** One of twenty entries is removed as thoroughly as the contender's pages tell; then its bytes are looked for. */
export const erasure: Check = {
  title: 'what was erased is in no byte of the folder or the heap',
  async run(contender, place) {
    const store = await contender.open(place)
    for (let at = 0; at < 20; at += 1) await store.put('t', { id: `id ${at}`, text: textOf(at) })
    const before = await places(contender, place.folder)
    const isBlind = contender.keepsIn.some((kind) => !before.some((where) => (where === HEAP) === (kind === 'heap')))
    if (isBlind) throw new Error(`before the erasure it is found in ${before.join(', ') || 'no place'} only`)
    if (store.erase === undefined) return fails('no call')
    await store.erase('t', 'id 7')
    const after = await places(contender, place.folder)
    const left = (await store.seen('t')).length
    await store.close()
    if (left !== 19) return fails(`${left} of 19 other entries are left`)
    return after.length === 0 ? holds('') : fails(`still in ${after.join(', ')}`)
  },
}

/** Only the seventh has the bytes. Flat, as a text that came from a network is. */
function textOf(at: number): string {
  const mark = at === 7 ? needle() : Buffer.from(`number ${at}`)
  return Buffer.concat([Buffer.from('entry '), mark]).toString()
}

async function places(contender: Contender, folder: string): Promise<readonly string[]> {
  const found = contender.keepsIn.includes('folder') ? filesWith(folder, needle()) : []
  return contender.keepsIn.includes('heap') && (await isInHeap()) ? [...found, HEAP] : found
}

function filesWith(folder: string, bytes: Buffer): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile())
    .filter((name) => readFileSync(join(folder, name)).includes(bytes))
    .map((name) => name.replace(/[\da-f-]{20,}|[01]{20,}[\da-f]*/g, '…'))
}

/** Whether a heap snapshot after a full collection has the text. */
async function isInHeap(): Promise<boolean> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  await new Promise(setImmediate)
  collect()
  collect()
  const bytes = needle()
  let rest = Buffer.alloc(0)
  for await (const chunk of getHeapSnapshot()) {
    const part = Buffer.concat([rest, chunk as Buffer])
    if (part.includes(bytes)) return true
    rest = part.subarray(-bytes.length)
  }
  return false
}
