// The child process: measures one contender in one way and sends the numbers to the harness.
import { measureAlloc } from './measures/alloc.ts'
import { measureConcurrent } from './measures/concurrent.ts'
import { probe } from './measures/probe.ts'
import { measureLoop } from './measures/loop.ts'
import { measureStream } from './measures/stream.ts'
import { measureWorkflow } from './measures/workflow.ts'
import type { Contender, ContenderName } from './contenders/contender.ts'
import type { Figures } from './figures.ts'

export type Reply = { readonly figures: Figures } | { readonly skipped: string } | { readonly refused: string }

export type TaskName = 'probe' | 'loop' | 'stream' | 'alloc' | 'concurrent' | 'workflow'

const tasks: Readonly<Record<TaskName, (contender: Contender) => Promise<Figures>>> = {
  probe,
  loop: measureLoop,
  stream: measureStream,
  alloc: measureAlloc,
  concurrent: measureConcurrent,
  workflow: measureWorkflow,
}

async function perform(name: ContenderName, task: TaskName): Promise<Reply> {
  let contender: Contender
  try {
    contender = ((await import(`./contenders/${name}.ts`)) as { contender: Contender }).contender
  } catch (error) {
    return { skipped: firstLine(error) }
  }
  try {
    return { figures: await tasks[task](contender) }
  } catch (error) {
    return { refused: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}

const firstLine = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''

const [name, task] = process.argv.slice(2) as [ContenderName, TaskName]
const reply = await perform(name, task)
process.send?.(reply, () => process.exit(0))
