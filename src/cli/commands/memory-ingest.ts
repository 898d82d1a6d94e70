import { resolve } from 'node:path'
import type { MemoryHandle } from '../../core/index.ts'
import type { IngestedDocument, IngestOptions, IngestReport } from '../../documents/index.ts'
import type { Call, CliCommand } from '../calling/command.ts'
import { withMemory } from '../opening/open-memory.ts'
import { ProgressBar } from '../terminal/progress-bar.ts'
import { usageError } from '../calling/report-error.ts'
import { untilInterrupted } from '../calling/until-interrupted.ts'
import { visible } from '../terminal/visible.ts'

/** Remarks that are shown; with `--json` there are all. */
const MOST_REMARKS = 20

/** `opspawn memory ingest` */
export const memoryIngest: CliCommand = {
  name: 'memory ingest',
  summary: 'Brings a memory in step with folders and files of Markdown, text, HTML and PDF; what is unchanged is passed over.',
  arguments: [{ name: '<paths...>', meaning: 'folders or files' }],
  options: [
    { flags: '--collection <name>', meaning: 'name under which they are kept in step (default: the absolute path)' },
    { flags: '--chunk-tokens <count>', meaning: 'longest passage, 16 to 8192 (default: 256)' },
    { flags: '--overlap-tokens <count>', meaning: 'how much of a passage is said again in the next one (default: 0)' },
    {
      flags: '--format <format>',
      meaning: 'only documents of this kind; may be repeated',
      isRepeatable: true,
      choices: ['markdown', 'text', 'html', 'pdf'],
    },
    { flags: '--erase', meaning: 'remove the bytes of what is forgotten at once, not at the next upkeep' },
  ],
  needs: ['config', 'memory'],
  json: '{ collections: IngestReport[] }',
  run: (call) =>
    untilInterrupted(call.surroundings, (signal) =>
      withMemory(call, true, async ({ memory, handle }) => {
        const reports = await ingestAll(call, handle, signal)
        if (reports.some(({ counts }) => counts.changed + counts.removed + counts.skipped > 0)) await memory.maintain({ signal })
        call.output.give({ collections: reports }, () => reports.map(summaryOf).join('\n'))
        remark(
          call,
          reports.flatMap(({ documents }) => documents),
        )
        return 0
      }),
    ),
}

async function ingestAll(call: Call, handle: MemoryHandle, signal: AbortSignal): Promise<readonly IngestReport[]> {
  const { args, options, output, surroundings } = call
  const { ingest } = await import('../../documents/index.ts')
  const paths = args.map((path) => resolve(surroundings.cwd, path))
  const collection = options.text('collection')
  if (collection === undefined && new Set(paths).size < paths.length) throw usageError('a path is given twice')
  const bar = new ProgressBar(output, 'ingesting')
  const settings = {
    ...settingsOf(call),
    signal,
    onProgress: ({ done, total }: { done: number; total: number }) => bar.step(done, total),
  }
  try {
    if (collection !== undefined) return [await ingest(handle, paths, { ...settings, collection })]
    const reports: IngestReport[] = []
    for (const path of paths) reports.push(await ingest(handle, path, settings))
    return reports
  } finally {
    bar.end()
  }
}

function settingsOf({ options }: Call): IngestOptions {
  const formats = options.list('format') as NonNullable<IngestOptions['formats']>
  return {
    chunkTokens: options.count('chunk-tokens'),
    overlapTokens: options.count('overlap-tokens'),
    formats: formats.length === 0 ? undefined : formats,
    forget: options.flag('erase') ? 'erase' : 'soft',
  }
}

function summaryOf({ collection, counts, passages }: IngestReport): string {
  const told = Object.entries(counts).filter(([, count]) => count > 0)
  const files = told.length === 0 ? 'no documents' : told.map(([status, count]) => `${count} ${status}`).join(', ')
  return `${visible(collection)}: ${files}; ${passages} passages`
}

function remark({ output }: Call, documents: readonly IngestedDocument[]): void {
  const lines = documents.flatMap(({ document, reason, warnings = [] }) =>
    [...(reason === undefined ? [] : [reason]), ...warnings].map(
      (text) => `${visible(document === '' ? '.' : document)}: ${visible(text)}`,
    ),
  )
  for (const line of lines.slice(0, MOST_REMARKS)) output.remark(output.noteStyle('yellow', line))
  if (lines.length > MOST_REMARKS) output.remark(`… and ${lines.length - MOST_REMARKS} more; --json has all`)
}
