import type { ForkOptions } from '../../core/index.ts'
import { ATTEND_JSON } from '../runs/attend.ts'
import { AGAIN_OPTIONS, beginAgain } from '../runs/begin-again.ts'
import type { Call, CliCommand } from '../calling/command.ts'
import { readInput } from '../opening/read-input.ts'

/** `opspawn fork` */
export const fork: CliCommand = {
  name: 'fork',
  summary: 'Begins a new run with the history of another, up to a point of it, or with another input or agent.',
  arguments: [{ name: '<run>', meaning: 'id of the other run, which stays as it is' }],
  options: [
    { flags: '--after-seq <seq>', meaning: 'take the events up to this one along, 1 for none (default: all before what failed)' },
    { flags: '-i, --input <json>', meaning: 'another input: JSON or text, @FILE, or -; then nothing is taken along by itself' },
    { flags: '-s, --set <name=value>', meaning: 'a member of another input; may be repeated', isRepeatable: true },
    { flags: '--agent <name>', meaning: 'another agent of the configuration' },
    ...AGAIN_OPTIONS,
  ],
  needs: ['config', 'store'],
  json: ATTEND_JSON,
  run: (call) => beginAgain(call, async () => forkOptions(call)),
}

async function forkOptions(call: Call): Promise<ForkOptions> {
  const { options } = call
  const [afterSeq, agent] = [options.count('after-seq'), options.text('agent')]
  const hasInput = options.text('input') !== undefined || options.list('set').length > 0
  return {
    ...(afterSeq === undefined ? undefined : { afterSeq }),
    ...(agent === undefined ? undefined : { agent }),
    ...(hasInput ? { input: await readInput(call, []) } : undefined),
  }
}
