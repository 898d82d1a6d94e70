import type { Json } from '../../core/index.ts'
import { ANSWER_ARGUMENTS, ANSWER_OPTIONS, answerPending } from '../runs/answer.ts'
import type { Call, CliCommand } from '../calling/command.ts'
import { readValue } from '../opening/read-input.ts'
import { usageError } from '../calling/report-error.ts'

/** `opspawn resolve` */
export const resolve: CliCommand = {
  name: 'resolve',
  summary: 'Says of a call that was interrupted whether it happened, where its tool wants a person to look.',
  arguments: ANSWER_ARGUMENTS,
  options: [
    { flags: '--happened', meaning: 'it did: the run goes on with --output, and it is not made again' },
    { flags: '--not-happened', meaning: 'it did not: it is made again' },
    { flags: '--output <json>', meaning: 'with --happened: what it gave, as JSON or text, @FILE, or - (default: null)' },
    ...ANSWER_OPTIONS,
  ],
  needs: ['config', 'store'],
  json: '{ runId: string; key: string; happened: boolean; output?: Json; by: string; reason?: string }',
  async run(call) {
    const found = await verdict(call)
    return answerPending(call, 'outcome', async (runs, { runId, key }, given) => {
      const run = await runs.run(runId)
      await run.resolve(key, { ...given, ...found })
      const what = found.happened ? 'happened' : 'did not happen, and is made again'
      call.output.give({ runId, key, ...found, ...given }, () => `${key} of run ${runId} ${what}`)
    })
  },
}

type Verdict = { readonly happened: true; readonly output: Json } | { readonly happened: false }

async function verdict(call: Call): Promise<Verdict> {
  const { options } = call
  const [happened, output] = [options.flag('happened'), options.text('output')]
  if (happened === options.flag('not-happened'))
    throw usageError(
      'say either --happened or --not-happened',
      'look at the other side first: at the account, the mailbox, the log',
    )
  if (happened) return { happened, output: output === undefined ? null : await readValue(call, output) }
  if (output !== undefined) throw usageError('--output is of a call that happened')
  return { happened }
}
