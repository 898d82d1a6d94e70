import type { CliCommand } from '../calling/command.ts'
import { withBareMemory } from '../opening/open-memory.ts'
import { brief } from '../terminal/visible.ts'

/** `opspawn memory stats` */
export const memoryStats: CliCommand = {
  name: 'memory stats',
  summary: 'Tells how much a memory holds, of one tenant or of all, and what it can do.',
  needs: ['config', 'memory'],
  json: '{ name: string; capabilities: MemoryCapabilities; stats: MemoryStats }',
  run: (call) =>
    withBareMemory(call, false, async (memory) => {
      const { name, capabilities } = memory
      const stats = await memory.stats(call.options.text('tenant'))
      call.output.give({ name, capabilities, stats }, () =>
        [['memory', name], ...Object.entries(stats), ...Object.entries(capabilities)]
          .map(([what, value]) => `${what}: ${brief(value)}`)
          .join('\n'),
      )
      return 0
    }),
}
