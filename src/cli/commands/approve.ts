import { answer, ANSWER_ARGUMENTS, ANSWER_JSON, ANSWER_OPTIONS } from '../runs/answer.ts'
import type { CliCommand } from '../calling/command.ts'

/** `opspawn approve` */
export const approve: CliCommand = {
  name: 'approve',
  summary: 'Allows a call that waits for a person.',
  arguments: ANSWER_ARGUMENTS,
  options: ANSWER_OPTIONS,
  needs: ['config', 'store'],
  json: ANSWER_JSON,
  run: (call) => answer(call, true),
}
