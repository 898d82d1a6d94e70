import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { CliCommand } from '../calling/command.ts'
import { whileShown } from '../terminal/progress-bar.ts'
import { withSqliteFile } from '../opening/sqlite-file.ts'

/** `opspawn backup` */
export const backup: CliCommand = {
  name: 'backup',
  summary: 'Copies the SQLite file as it is at one moment, while runs go on.',
  arguments: [{ name: '<file>', meaning: 'the copy; it must not exist' }],
  needs: ['config', 'store'],
  json: '{ path: string; copy: string; bytes: number }',
  run: (call) =>
    withSqliteFile(call, async (store) => {
      const copy = resolve(call.surroundings.cwd, call.args[0] ?? '')
      await whileShown(call.output, `copying ${store.path}`, () => store.backup(copy))
      const bytes = statSync(copy).size
      call.output.give({ path: store.path, copy, bytes }, () => `copied ${store.path} to ${copy}, ${bytes} bytes`)
      return 0
    }),
}
