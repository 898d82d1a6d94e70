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
  const [core = '', engine = ''] = told(/^\| core, orchestrator \| ([\d,]+), ([\d,]+) code lines \|$/m)
  const [plugin = '', store = ''] = told(/^\| a plugin, a store or memory plugin \| ([\d,]+), ([\d,]+) code lines \|$/m)
  const [rooms = ''] = told(/^\| other rooms \| (.*) code lines \|$/m)
  const [own = ''] = told(/^\| plugins of their own size \| (.*) code lines \|$/m)
  const large = Object.fromEntries(byName(own))
  const plugins = globSync('src/plugins/*', { cwd: root }).map((name) => basename(name))
  const parts: readonly (readonly [folder: string, budget: string])[] = [
    ['src/core', core],
    ['src/orchestrator', engine],
    ...byName(rooms).map(([name, budget]) => [`src/${name}`, budget] as const),
    ...plugins.map((name) => [`src/plugins/${name}`, large[name] ?? (/^(store|memory)-/.test(name) ? store : plugin)] as const),
  ]
  const agents = `core ${core}, orchestrator ${engine}, a plugin ${plugin}, a store or memory plugin ${store} code lines; ${rooms};`
  return [...notSaid([['AGENTS.md', agents], ...sizes()]), ...parts.flatMap(([folder, budget]) => tooLong(folder, budget))]
}

/** What a line of the guide says. */
function told(pattern: RegExp): readonly string[] {
  return pattern.exec(read('CONTRIBUTING.md'))?.slice(1) ?? []
}

/** Of `first 1,200, second 300`: each name with its number. */
function byName(list: string): readonly (readonly [name: string, budget: string])[] {
  return [...list.matchAll(/([a-z-]+) ([\d,]*\d)/g)].map(([, name = '', budget = '']) => [name, budget])
}

/** Where the sizes of what is built must stand. */
function sizes(): readonly (readonly [file: string, text: string])[] {
  const [core = '', whole = ''] = told(/^\| built `opspawn\/core`, `opspawn` \| ([\d.]+ kB), ([\d.]+ kB) \(brotli\) \|$/m)
  return [
    ['AGENTS.md', `\`opspawn/core\` ${core} and \`opspawn\` ${whole} brotli`],
    ['docs/explanation/performance.md', `\`opspawn/core\` is above ${core} or \`opspawn\` above ${whole} (brotli`],
    ['.size-limit.mjs', `dist/core/index.js'), limit: '${core}'`],
    ['.size-limit.mjs', `['./plugins/store-sqlite/index.js']), limit: '${whole}'`],
  ]
}

function notSaid(texts: readonly (readonly [file: string, text: string])[]): readonly string[] {
  return texts.filter(([file, text]) => !read(file).includes(text)).map(([file, text]) => `${file} does not say: ${text}`)
}

function tooLong(folder: string, budget: string): readonly string[] {
  const lines = codeLines(folder)
  return lines <= Number(budget.replaceAll(',', '')) ? [] : [`${folder} has ${lines} code lines, allowed ${budget || 'none'}`]
}

/** Lines of a folder's sources that are neither empty nor comment alone. */
function codeLines(folder: string): number {
  const files = globSync(`${folder}/**/*.ts`, { cwd: root, exclude: (name) => /\.test(-d)?\.ts$/.test(name) })
  return files.flatMap((file) => read(file).split('\n')).filter((line) => !/^\s*(\/\/.*|\/\*.*|\*.*)?$/.test(line)).length
}
