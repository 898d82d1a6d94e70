import type { CliCommand, CliNeed, CliOption } from './command.ts'

const NEEDS: Readonly<Record<CliNeed, readonly CliOption[]>> = {
  config: [
    { flags: '--config <file>', meaning: 'configuration to use (default: opspawn.config.ts, .mts, .js or .mjs here)' },
    { flags: '--no-config', meaning: 'use none, even if there is one' },
  ],
  store: [{ flags: '--store <file>', meaning: 'SQLite file of the runs, in place of the configured store' }],
  memory: [
    {
      flags: '--memory <file>',
      meaning: 'file of the memory, JSON lines or SQLite, or its folder, LanceDB, in place of a configured one',
    },
    { flags: '--name <name>', meaning: 'which memory of the configuration, where it has several' },
    { flags: '--tenant <name>', meaning: 'whose memory it is; needed' },
    { flags: '--agent <name>', meaning: 'scope: an agent (default: none)' },
    { flags: '--user <name>', meaning: 'scope: a user (default: none)' },
    { flags: '--session <name>', meaning: 'scope: a session (default: none)' },
  ],
}

const ALWAYS: readonly CliOption[] = [
  { flags: '--json', meaning: 'print data as JSON, errors too' },
  { flags: '--no-color', meaning: 'print without colours, as with NO_COLOR' },
  { flags: '--debug', meaning: 'print stacks of errors' },
]

/** All options of a command: its own, then the common ones. */
export function optionsOf({ options = [], needs = [] }: CliCommand): readonly CliOption[] {
  return [...options, ...needs.flatMap((need) => NEEDS[need]), ...ALWAYS]
}
