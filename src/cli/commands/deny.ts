import { answer, ANSWER_ARGUMENTS, ANSWER_JSON, ANSWER_OPTIONS } from '../runs/answer.ts'
import type { CliCommand } from '../calling/command.ts'

/** `opspawn deny` */
export const deny: CliCommand = {
  name: 'deny',
  summary: 'Refuses a call that waits for a person.',
  arguments: ANSWER_ARGUMENTS,
  options: ANSWER_OPTIONS,
  needs: ['config', 'store'],
  json: ANSWER_JSON,
  run: (call) => answer(call, false),
}
