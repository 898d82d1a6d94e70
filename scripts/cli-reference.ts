/** The generated parts of docs/reference/cli.md, from the definitions of the commands. */
import ts from 'typescript'
import { COMMANDS } from '../src/cli/commands.ts'
import { optionsOf } from '../src/cli/calling/common-options.ts'

/** A section for each command. */
export function commandPages(): string {
  return COMMANDS.map((command) => {
    const { name, summary, arguments: given = [], options = [], json } = command
    const usage = ['opspawn', name, '[options]', ...given.map((argument) => argument.name)].join(' ')
    const own = [
      ...given.map((argument) => [argument.name, argument.meaning]),
      ...options.map(({ flags, meaning, choices }) => [
        flags,
        `${meaning}${choices === undefined ? '' : `; one of ${choices.join(', ')}`}`,
      ]),
    ]
    const rows = own.map(([flags, meaning]) => `| \`${flags}\` | ${meaning} |`)
    const table = rows.length === 0 ? [] : [['| | |', '|---|---|', ...rows].join('\n')]
    const common = optionsOf(command).filter((option) => !options.includes(option))
    const also = `Also ${common.map(({ flags }) => `\`${flags}\``).join(', ')}.`
    return [`### opspawn ${name}`, summary, `\`${usage}\``, ...table, also, `With \`--json\`: \`${json}\``].join('\n\n')
  }).join('\n\n')
}

/** The options that are not a command's own. */
export function commonOptions(): string {
  const common = new Map(
    COMMANDS.flatMap((command) => optionsOf(command).filter((option) => command.options?.includes(option) !== true)).map(
      ({ flags, meaning }) => [flags, meaning],
    ),
  )
  return ['| Option | |', '|---|---|', ...[...common].map(([flags, meaning]) => `| \`${flags}\` | ${meaning} |`)].join('\n')
}

/** An interface of the source with its comments, as users meet it. */
export function shapeOf(text: string, name: string): string {
  const source = ts.createSourceFile(`${name}.ts`, text, ts.ScriptTarget.Latest, true)
  const found = source.statements.find(
    (one): one is ts.InterfaceDeclaration => ts.isInterfaceDeclaration(one) && one.name.text === name,
  )
  if (found === undefined) throw new Error(`there is no interface ${name}`)
  return `\`\`\`ts\n${found
    .getText()
    .replace(/^export /, '')
    .replaceAll('readonly ', '')}\n\`\`\``
}
