import type { MemorySelector } from '../../core/index.ts'
import type { Call, CliCommand } from '../calling/command.ts'
import { withMemory } from '../opening/open-memory.ts'
import { whileShown } from '../terminal/progress-bar.ts'
import { usageError } from '../calling/report-error.ts'
import { CHOOSING, chosenBy } from './memory-list.ts'

/** `opspawn memory forget` */
export const memoryForget: CliCommand = {
  name: 'memory forget',
  summary: 'Forgets records of a scope, and summaries that were made of them.',
  arguments: [{ name: '[ids...]', meaning: 'ids of the records' }],
  options: [
    ...CHOOSING,
    { flags: '--all', meaning: 'everything in the scope' },
    { flags: '--erase', meaning: 'remove the bytes at once, and look whether they are gone' },
  ],
  needs: ['config', 'memory'],
  json: 'ForgetReceipt',
  run: (call) => {
    const selector = selectorOf(call)
    return withMemory(call, false, async ({ memory, handle }) => {
      const mode = call.options.flag('erase') ? 'erase' : 'soft'
      const receipt = await whileShown(call.output, 'forgetting', async () => {
        const given = await handle.forget(selector, mode)
        // Nobody else does it: no process may have this memory open for a long time.
        if (mode === 'soft') await memory.maintain()
        return given
      })
      call.output.give(receipt, () => `forgot ${receipt.count} records${receipt.verified ? ', and their bytes are gone' : ''}`)
      return 0
    })
  },
}

function selectorOf(call: Call): MemorySelector {
  const { args, options } = call
  const filter = chosenBy(call)
  const isAll = options.flag('all')
  const ways = [args.length > 0, filter !== undefined, isAll].filter(Boolean).length
  if (ways !== 1) throw usageError('what is to be forgotten?', 'give ids, or --kind, --collection and --document, or --all')
  if (isAll) return 'all'
  return filter === undefined ? { ids: args } : { filter }
}
