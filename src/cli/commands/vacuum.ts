import { statSync } from 'node:fs'
import type { CliCommand } from '../calling/command.ts'
import { whileShown } from '../terminal/progress-bar.ts'
import { withSqliteFile } from '../opening/sqlite-file.ts'

/** `opspawn vacuum` */
export const vacuum: CliCommand = {
  name: 'vacuum',
  summary:
    'Deletes finished runs that the store need not keep, and gives the space of the SQLite file back; writers wait meanwhile.',
  needs: ['config', 'store'],
  json: '{ path: string; deletedRuns: number; bytesBefore: number; bytesAfter: number }',
  run: (call) =>
    withSqliteFile(call, async (store) => {
      const { path } = store
      const bytesBefore = statSync(path).size
      const deletedRuns = await whileShown(call.output, 'deleting runs', () => store.prune())
      await whileShown(call.output, 'giving space back', () => store.vacuum())
      const bytesAfter = statSync(path).size
      call.output.give({ path, deletedRuns, bytesBefore, bytesAfter }, () => {
        const freed = `${path}: ${showBytes(bytesBefore)} before, ${showBytes(bytesAfter)} now`
        return deletedRuns === 0 ? freed : `${freed}; ${deletedRuns} runs deleted`
      })
      return 0
    }),
}

function showBytes(bytes: number): string {
  return bytes < 1_000_000 ? `${(bytes / 1_000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`
}
