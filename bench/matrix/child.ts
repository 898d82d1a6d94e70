import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { tried } from './no-network.ts'
import type { Answer, Ask } from './main.ts'
import { checks } from './checks/index.ts'
import { columns } from './contenders/index.ts'
import { embed } from './embed.ts'

/** One check of one contender, in a process of its own, so that what one leaves behind no other finds. The caller removes the folder. */
async function answer({ contender: title, check: name, folder }: Ask): Promise<Answer> {
  const contender = await columns.get(title)?.load()
  const check = checks[name]
  if (contender === undefined || check === undefined) throw new Error(`there is no ${title} or no ${name}`)
  for (const part of ['0', '1']) await mkdir(join(folder, part))
  const finding = await check.run(contender, { folder, embed })
  return { ...finding, connections: tried.count }
}

process.once('message', (ask: Ask) => {
  void answer(ask)
    .catch((error: unknown): Answer => ({ verdict: 'broke', seen: String(error), connections: tried.count }))
    .then((told) => process.send?.(told, () => process.exit(0)))
})
