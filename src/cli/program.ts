import { Command, CommanderError, Option } from 'commander'
import type { CliCommand, CliOption } from './calling/command.ts'
import { COMMANDS } from './commands.ts'
import { optionsOf } from './calling/common-options.ts'
import { OptionReader } from './calling/option-reader.ts'
import { Output } from './terminal/output.ts'
import { reportError, usageError } from './calling/report-error.ts'
import type { Surroundings } from './terminal/surroundings.ts'

/** Exit code of who writes to a reader that is gone, as a shell counts it. */
const READER_GONE = 141
/** Exit code of a call that nothing can be made of: that of `OPTIONS_INVALID`. */
const USAGE = 2

/** Runs one command line to its end and gives the exit code. Everything that was said is written when this resolves. */
export async function runCli(surroundings: Surroundings): Promise<number> {
  const { argv } = surroundings
  // Read by hand, because they also hold when the rest cannot be understood.
  const before = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv
  const has = (flag: string): boolean => before.includes(flag)
  const output = new Output(surroundings, { json: has('--json'), color: !has('--no-color') })
  let code: number
  try {
    code = await callOne(surroundings, output)
  } catch (error) {
    code = reportError(output, error, has('--debug'))
  }
  await output.flush()
  return output.gone.aborted ? unwritten(surroundings, output) : code
}

/** Of an output that could not be written: because nobody reads it any more, or for a reason that must be told. */
async function unwritten(surroundings: Surroundings, { gone, isJson }: Output): Promise<number> {
  const { code, message } = gone.reason as NodeJS.ErrnoException
  if (code === 'EPIPE') return READER_GONE
  const last = new Output(surroundings, { json: isJson, color: false })
  const exit = reportError(
    last,
    usageError(`what was to be said cannot be written: ${message}`, undefined, 'file-unwritable'),
    false,
  )
  await last.flush()
  return exit
}

async function callOne(surroundings: Surroundings, output: Output): Promise<number> {
  let code = 0
  const program = createProgram(surroundings.version, output, async (command, args, values) => {
    code = await command.run({ args, options: new OptionReader(values), output, surroundings })
  })
  try {
    await program.parseAsync(surroundings.argv, { from: 'user' })
    return code
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return 0
    if (error.code === 'commander.help') return USAGE
    throw asUsageError(error)
  }
}

type Act = (command: CliCommand, args: readonly string[], values: Readonly<Record<string, unknown>>) => Promise<void>

function createProgram(version: string, output: Output, act: Act): Command {
  const program = new Command('opspawn')
    .description('Starts, watches and steers durable runs of agents and workflows.')
    .version(version, '--version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help for a command')
    .configureHelp({ showGlobalOptions: false })
    .configureOutput({
      writeOut: (text) => output.raw(text),
      writeErr: (text) => output.rawNote(text),
      // What is wrong is said in one place, with a code.
      outputError: () => {},
    })
    .exitOverride()
  for (const command of COMMANDS) addCommand(program, command, act)
  return program
}

/** What stands above commands of two words, by the first. */
const GROUPS: Readonly<Record<string, string>> = {
  events: 'Histories of runs as files.',
  mcp: 'Tools of MCP servers, and which of them are approved.',
  memory: 'What agents remember, and documents for them.',
  policy: 'What the rules of the configuration make of calls.',
  schedules: 'What starts runs at certain times.',
}

function addCommand(program: Command, definition: CliCommand, act: Act): void {
  const words = definition.name.split(' ')
  const own = words.pop() ?? ''
  const holder = words.reduce((above, word) => groupOf(above, word), program)
  const command = holder.command(own).description(definition.summary).helpOption('-h, --help', 'print help')
  for (const { name, meaning } of definition.arguments ?? []) command.argument(name, meaning)
  for (const option of optionsOf(definition)) command.addOption(toOption(option))
  command.action((...given: unknown[]) => {
    const args = given.slice(0, definition.arguments?.length ?? 0).flat()
    return act(
      definition,
      args.filter((arg) => typeof arg === 'string'),
      command.opts(),
    )
  })
}

function groupOf(above: Command, word: string): Command {
  return above.commands.find((command) => command.name() === word) ?? above.command(word).description(GROUPS[word] ?? '')
}

function toOption({ flags, meaning, isRepeatable = false, choices }: CliOption): Option {
  const option = new Option(flags, meaning)
  if (choices !== undefined) option.choices([...choices])
  if (isRepeatable) option.argParser((value: string, before: unknown) => [...collected(before), allowed(option, value, choices)])
  return option
}

function collected(before: unknown): readonly string[] {
  return Array.isArray(before) ? (before as string[]) : []
}

/** A parser of our own takes the place of the one that looks at the choices. */
function allowed({ flags }: Option, value: string, choices: readonly string[] | undefined): string {
  if (choices === undefined || choices.includes(value)) return value
  throw usageError(`option '${flags}' must be one of ${choices.join(', ')}, not "${value}"`)
}

/** `error: unknown command 'lst'\n(Did you mean list?)` as an error of the table. */
function asUsageError({ message }: CommanderError): Error {
  const [first = '', ...rest] = message.replace(/^error: /, '').split('\n')
  const meant = /^\(Did you mean (.+)\?\)$/.exec(rest.join(' ').trim())?.[1]
  const suggestion = meant === undefined ? '`opspawn --help` lists the commands, `opspawn COMMAND --help` the options' : undefined
  return usageError(meant === undefined ? first : `${first}; did you mean ${meant}?`, suggestion, 'usage')
}
