import { errorInfo, isFinal, toFailure } from '../../core/index.ts'
import type { SqliteStore } from '../../plugins/store-sqlite/index.ts'
import type { Call, CliCommand } from '../calling/command.ts'
import { type ExportedRun, type ExportFile, openExport } from '../opening/export-file.ts'
import { ProgressBar } from '../terminal/progress-bar.ts'
import { withSqliteFile } from '../opening/sqlite-file.ts'
import { oneLine } from '../terminal/visible.ts'

interface Imported {
  imported: number
  /** Runs that were here already, with this history or a longer one. */
  present: number
  /** Of those imported, the ones that had not ended. */
  readonly paused: string[]
  readonly refused: { readonly runId: string; readonly line: number; readonly code: string; readonly message: string }[]
}

/** `opspawn events import` */
export const eventsImport: CliCommand = {
  name: 'events import',
  summary: 'Takes what `events export` wrote into a SQLite file: each run with its whole history, or not at all.',
  arguments: [{ name: '<file>', meaning: 'lines of JSON, or - for standard input' }],
  needs: ['config', 'store'],
  json: '{ file: string; path: string; imported: number; present: number; paused: string[]; refused: { runId: string; line: number; code: string; message: string }[] }',
  async run(call) {
    const file = openExport(call, call.args[0] ?? '')
    return withSqliteFile(call, async (store) => tell(call, file.name, store.path, await importAll(call, file, store)), {
      mayBeNew: true,
    })
  },
}

async function importAll({ output }: Call, { runs, percent }: ExportFile, store: SqliteStore): Promise<Imported> {
  const done: Imported = { imported: 0, present: 0, paused: [], refused: [] }
  const bar = new ProgressBar(output, 'importing', percent === undefined ? undefined : 100)
  try {
    for await (const exported of runs) {
      await importOne(store, exported, done)
      if (percent !== undefined) bar.step(percent())
    }
    return done
  } catch (error) {
    if (!output.isJson) bar.say(`${done.imported} runs imported before this, ${done.present} were here already`)
    throw error
  } finally {
    bar.end()
  }
}

async function importOne(store: SqliteStore, { line, run, events }: ExportedRun, done: Imported): Promise<void> {
  try {
    if (!(await store.bringIn(run, events))) done.present += 1
    else {
      done.imported += 1
      if (!isFinal(run.status)) done.paused.push(run.runId)
    }
  } catch (error) {
    const { code, message } = toFailure(error, 'INTERNAL')
    // What is wrong with one run says nothing of the next; what is wrong with the store does.
    if (code !== 'OPTIONS_INVALID' && code !== 'RUN_EXISTS' && code !== 'PAYLOAD_TOO_LARGE') throw error
    done.refused.push({ runId: String(run?.runId), line, code, message })
  }
}

function tell({ output }: Call, file: string, path: string, done: Imported): number {
  const { imported, present, paused, refused } = done
  output.give({ file, path, ...done }, () => `${imported} runs imported into ${path}, ${present} were here already`)
  if (paused.length > 0)
    output.remark(
      `${paused.length} had not ended and are paused: ${paused.slice(0, 5).join(', ')}${paused.length > 5 ? ', …' : ''}`,
    )
  for (const { line, code, message } of refused)
    output.remark(`${output.noteStyle('red', `error ${code}:`)} ${oneLine(`${file}:${line}: ${message}`, 500)}`)
  const [first] = refused
  return first === undefined ? 0 : errorInfo(first.code).exit
}
