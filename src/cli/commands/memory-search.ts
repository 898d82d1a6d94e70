import type { CliCommand } from '../calling/command.ts'
import { withMemory } from '../opening/open-memory.ts'
import { briefText, placeOf } from '../showing/record-line.ts'
import { whileShown } from '../terminal/progress-bar.ts'
import { table } from '../terminal/table.ts'

/** `opspawn memory search` */
export const memorySearch: CliCommand = {
  name: 'memory search',
  summary: 'Recalls what is nearest to some words, best first.',
  arguments: [{ name: '<words...>', meaning: 'the question' }],
  options: [
    { flags: '--limit <count>', meaning: 'at most so many records (default: 10)' },
    { flags: '--tokens <count>', meaning: 'at most so many tokens together (default: 2000)' },
    {
      flags: '--across <label>',
      meaning: 'read all agents, users or sessions; may be repeated',
      isRepeatable: true,
      choices: ['agent', 'user', 'session'],
    },
  ],
  needs: ['config', 'memory'],
  json: 'Recall',
  run: (call) =>
    withMemory(call, false, async ({ handle }) => {
      const { args, options, output } = call
      const recall = await whileShown(output, 'searching', () =>
        handle.recall(args.join(' '), {
          budget: { items: options.count('limit') ?? 10, tokens: options.count('tokens') ?? 2000 },
          across: options.list('across') as ('agent' | 'user' | 'session')[],
        }),
      )
      output.give(recall, () => {
        if (recall.items.length === 0) return 'nothing found'
        const rows = recall.items.map(({ record, score }) => [
          score.toFixed(2),
          record.kind,
          placeOf(record),
          briefText(record, 100),
        ])
        return table(['SCORE', 'KIND', 'PLACE', 'TEXT'], rows, (text) => output.style('bold', text))
      })
      if (recall.omitted > 0) output.remark(`${recall.omitted} more were found; --limit and --tokens show more`)
      if (recall.degraded.length > 0)
        output.remark(output.noteStyle('yellow', `without ${recall.degraded.join(' and ')}, which failed`))
      return 0
    }),
}
