import { errorInfo } from '../../core/index.ts'
import type { LoadWorkflowOptions, Workflow, WorkflowProblem } from '../../plugins/planner-workflow/index.ts'
import type { Call, CliCommand } from '../calling/command.ts'
import { readConfig } from '../opening/config-file.ts'
import { type Parts, withParts } from '../opening/parts.ts'
import { readText } from '../opening/read-input.ts'
import { visible } from '../terminal/visible.ts'
import { resolve } from 'node:path'

interface Validated {
  readonly file: string
  readonly valid: boolean
  readonly name?: string
  readonly problems: readonly WorkflowProblem[]
}

/** `opspawn validate` */
export const validate: CliCommand = {
  name: 'validate',
  summary: 'Checks workflow documents and tells all problems at once; with a configuration also the names that they use.',
  arguments: [{ name: '<files...>', meaning: 'workflow documents in YAML or JSON' }],
  needs: ['config'],
  json: '{ files: { file: string; valid: boolean; name?: string; problems: WorkflowProblem[] }[] }',
  async run(call) {
    const config = await readConfig(call)
    const files =
      config === undefined ? await check(call, undefined) : await withParts(config.options, (parts) => check(call, parts))
    if (call.output.isJson) call.output.json({ files })
    else await tell(call, files, config?.path)
    return files.every(({ valid }) => valid) ? 0 : errorInfo('AGENT_INVALID').exit
  },
}

type Parsed = Validated & { readonly workflow?: Workflow }

/** Documents that are checked together may name each other, but not in a circle. */
async function check({ args, surroundings: { cwd } }: Call, parts: Parts | undefined): Promise<readonly Validated[]> {
  const { parseWorkflow } = await import('../../plugins/planner-workflow/index.ts')
  const texts = await Promise.all(args.map(async (file) => ({ file, text: await readText(resolve(cwd, file)) })))
  const parse = async (file: string, text: string, options: LoadWorkflowOptions): Promise<Parsed> => {
    const { workflow, problems = [] } = await parseWorkflow(text, { ...options, file })
    return workflow === undefined
      ? { file, valid: false, problems }
      : { file, valid: true, name: workflow.name, problems, workflow }
  }
  const alone = await Promise.all(texts.map(({ file, text }) => parse(file, text, {})))
  const workflows = alone.flatMap(({ workflow }) => workflow ?? [])
  // Without a configuration any name may be that of an agent.
  const others = parts?.agents ?? workflows.flatMap(({ delegates }) => delegates.map(({ agent }) => agent))
  const options = { ...(parts === undefined ? undefined : { tools: parts.tools }), agents: [...others, ...workflows] }
  const checked = texts.map(async ({ file, text }, index) => {
    const first = alone[index] as Parsed
    return parts === undefined && !first.valid ? first : parse(file, text, options)
  })
  return (await Promise.all(checked)).map(({ workflow: _workflow, ...validated }) => validated)
}

async function tell({ output }: Call, files: readonly Validated[], config: string | undefined): Promise<void> {
  const { describeProblem } = await import('../../plugins/planner-workflow/index.ts')
  for (const { file, problems } of files) for (const problem of problems) output.line(visible(describeProblem(problem, file)))
  const bad = files.filter(({ valid }) => !valid)
  const count = bad.reduce((sum, { problems }) => sum + problems.length, 0)
  if (bad.length === 0) {
    const names = config === undefined ? '; names of tools and agents were not checked, for lack of a configuration' : ''
    output.note(`${output.noteStyle('green', 'sound')}: ${files.length} of ${files.length} documents${names}`)
    return
  }
  const problems = count === 1 ? '1 problem' : `${count} problems`
  output.note(`${output.noteStyle('red', 'error AGENT_INVALID:')} ${problems} in ${bad.length} of ${files.length} documents`)
}
