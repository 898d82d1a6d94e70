import type { CliCommand } from '../calling/command.ts'
import { openLines } from '../opening/line-file.ts'
import { tenantOf, withBareMemory } from '../opening/open-memory.ts'
import { ProgressBar } from '../terminal/progress-bar.ts'

/** `opspawn memory export` */
export const memoryExport: CliCommand = {
  name: 'memory export',
  summary: 'Writes everything of one tenant as lines of JSON, which any memory can take in.',
  options: [{ flags: '-o, --output <file>', meaning: 'write to a new file (default: standard output)' }],
  needs: ['config', 'memory'],
  json: 'with -o { file: string; records: number }; else the lines: a header, { type: "record", … } for each record, an end with count and hash',
  run: (call) => {
    const tenant = tenantOf(call)
    return withBareMemory(call, false, async (memory) => {
      const { output } = call
      const sink = openLines(call)
      const bar = new ProgressBar(output, 'exporting')
      let records = 0
      try {
        for await (const line of memory.export(tenant, { signal: output.gone })) {
          await sink.write(line)
          if (line['type'] === 'record') records += 1
        }
        await sink.end()
      } finally {
        bar.end()
      }
      const { file } = sink
      if (file !== undefined) output.give({ file, records }, () => `${records} records in ${file}`)
      return 0
    })
  },
}
