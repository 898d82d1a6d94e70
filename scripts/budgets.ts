import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

const root = join(import.meta.dirname, '..')

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8')
}

const MAX_LINES = 120

/** Longer guides are not obeyed. */
export function checkLengths(): readonly string[] {
  return ['CONTRIBUTING.md', 'AGENTS.md'].flatMap((file) => {
    const lines = read(file).trimEnd().split('\n').length
    return lines > MAX_LINES ? [`${file} has ${lines} lines, allowed ${MAX_LINES}`] : []
  })
}

/** The budgets of CONTRIBUTING.md against the sources, the checked sizes, and the pages that tell them too. */
export function checkBudgets(): readonly string[] {
  const guide = 'CONTRIBUTING.md'
  const numbers = (pattern: RegExp): readonly string[] => pattern.exec(read(guide))?.slice(1) ?? []
  const [core = '', engine = ''] = numbers(/^\| core, orchestrator \| ([\d,]+), ([\d,]+) code lines \|$/m)
  const [plugin = '', store = ''] = numbers(/^\| a plugin, a store or memory plugin \| ([\d,]+), ([\d,]+) code lines \|$/m)
  const [workflow = '', sqlite = ''] = numbers(/^\| planner-workflow, store-sqlite \| ([\d,]+), ([\d,]+) code lines \|$/m)
  const [sandbox = ''] = numbers(/^\| sandbox-quickjs \| ([\d,]+) code lines \|$/m)
  const [kept = '', lance = '', documents = ''] = numbers(
    /^\| memory-sqlite, memory-lancedb, documents \| ([\d,]+), ([\d,]+), ([\d,]+) code lines \|$/m,
  )
  const [mcp = ''] = numbers(/^\| tool-mcp \| ([\d,]+) code lines \|$/m)
  const [coreSize = '', wholeSize = ''] = numbers(
    /^\| built `opspawn\/core`, `opspawn` \| ([\d.]+ kB), ([\d.]+ kB) \(brotli\) \|$/m,
  )
  const told: readonly (readonly [file: string, text: string])[] = [
    ['AGENTS.md', `core ${core}, orchestrator ${engine}, a plugin ${plugin}, a store or memory plugin ${store} code lines`],
    ['AGENTS.md', `\`opspawn/core\` ${coreSize} and \`opspawn\` ${wholeSize} brotli`],
    ['docs/explanation/performance.md', `\`opspawn/core\` is above ${coreSize} or \`opspawn\` above ${wholeSize} (brotli`],
    ['.size-limit.mjs', `dist/core/index.js'), limit: '${coreSize}'`],
    ['.size-limit.mjs', `['./plugins/store-sqlite/index.js']), limit: '${wholeSize}'`],
  ]
  const folders = globSync('src/plugins/*', { cwd: root }).map((name) => name.replaceAll('\\', '/'))
  // Each is one thing to its users, and too much for the common budget: docs/decisions/0023, 0024, 0025 0043 and 0045 say why.
  const large: Readonly<Record<string, string>> = {
    'planner-workflow': workflow,
    'store-sqlite': sqlite,
    'memory-sqlite': kept,
    'memory-lancedb': lance,
    'tool-mcp': mcp,
    'sandbox-quickjs': sandbox,
  }
  const parts: readonly (readonly [folder: string, budget: string])[] = [
    ['src/core', core],
    ['src/orchestrator', engine],
    ['src/documents', documents],
    ...folders.map((folder) => [folder, large[basename(folder)] ?? (/\/(store|memory)-/.test(folder) ? store : plugin)] as const),
  ]
  return [
    ...told.filter(([file, text]) => !read(file).includes(text)).map(([file, text]) => `${file} does not say: ${text}`),
    ...parts.flatMap(([folder, budget]) => {
      const lines = codeLines(folder)
      return lines <= Number(budget.replaceAll(',', '')) ? [] : [`${folder} has ${lines} code lines, allowed ${budget}`]
    }),
  ]
}

/** Lines of a folder's sources that are neither empty nor comment alone. */
function codeLines(folder: string): number {
  const files = globSync(`${folder}/**/*.ts`, { cwd: root, exclude: (name) => /\.test(-d)?\.ts$/.test(name) })
  return files.flatMap((file) => read(file).split('\n')).filter((line) => !/^\s*(\/\/.*|\/\*.*|\*.*)?$/.test(line)).length
}
