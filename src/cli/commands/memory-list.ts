import type { MemoryFilter } from '../../core/index.ts'
import type { Call, CliCommand } from '../calling/command.ts'
import { showTime } from '../terminal/duration.ts'
import { withMemory } from '../opening/open-memory.ts'
import { briefText, placeOf } from '../showing/record-line.ts'
import { table } from '../terminal/table.ts'

/** Options that choose records, shared with `memory forget`. */
export const CHOOSING: NonNullable<CliCommand['options']> = [
  { flags: '--kind <kind>', meaning: 'only records of this kind', choices: ['message', 'fact', 'summary', 'document'] },
  { flags: '--collection <name>', meaning: 'only passages of this collection' },
  { flags: '--document <name>', meaning: 'only passages of this document' },
]

/** What these options choose; `undefined` where none is given. */
export function chosenBy({ options }: Call): MemoryFilter | undefined {
  const fields = {
    kind: options.text('kind'),
    'metadata.collection': options.text('collection'),
    'metadata.document': options.text('document'),
  }
  const filters = Object.entries(fields).flatMap(([field, value]) =>
    value === undefined ? [] : [{ op: 'eq', field, value } as const],
  )
  return filters.length === 0 ? undefined : { op: 'and', filters }
}

/** `opspawn memory list` */
export const memoryList: CliCommand = {
  name: 'memory list',
  summary: 'Lists what is remembered in a scope, superseded records included, in the order of recording.',
  options: [
    ...CHOOSING,
    {
      flags: '--across <label>',
      meaning: 'read all agents, users or sessions; may be repeated',
      isRepeatable: true,
      choices: ['agent', 'user', 'session'],
    },
    { flags: '--limit <count>', meaning: 'at most so many (default: 20)' },
    { flags: '--cursor <cursor>', meaning: 'go on where an earlier list ended' },
  ],
  needs: ['config', 'memory'],
  json: '{ records: MemoryRecord[]; cursor?: string }',
  run: (call) =>
    withMemory(call, false, async ({ handle }) => {
      const { options, output } = call
      const [filter, cursor] = [chosenBy(call), options.text('cursor')]
      const page = await handle.list({
        limit: options.count('limit') ?? 20,
        across: options.list('across') as ('agent' | 'user' | 'session')[],
        ...(filter !== undefined && { filter }),
        ...(cursor !== undefined && { cursor }),
      })
      output.give(page, () => {
        if (page.records.length === 0) return 'no records'
        const rows = page.records.map((record) => [
          record.id,
          record.supersededBy === undefined ? record.kind : `${record.kind} (old)`,
          showTime(record.createdAt),
          placeOf(record),
          briefText(record, 80),
        ])
        return table(['ID', 'KIND', 'RECORDED', 'PLACE', 'TEXT'], rows, (text) => output.style('bold', text))
      })
      if (page.cursor !== undefined) output.remark(`more: --cursor ${page.cursor}`)
      return 0
    }),
}
