/**
 * Packs the package, installs the tarball into an empty project and uses it there as a stranger would:
 * every subpath imports and type-checks, the core stays alone, the install stays small, the README runs.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { COMMAND, packageEntries } from './entries.ts'

const maxPackages = 12
const maxMegabytes = 20

const root = join(import.meta.dirname, '..')
const project = mkdtempSync(join(tmpdir(), 'opspawn-pack-'))
const subpaths = packageEntries(root).map(({ subpath }) => join('opspawn', subpath))

function run(command: string, args: readonly string[], cwd = project): string {
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
}

function write(name: string, text: string): void {
  writeFileSync(join(project, name), text)
}

function install(): void {
  const packed = run('npm', ['pack', '--silent', '--pack-destination', project], root).trim()
  write('package.json', '{ "name": "stranger", "private": true, "type": "module" }\n')
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--silent', `./${packed}`])
}

function checkInstallSize(): void {
  const lock = JSON.parse(readFileSync(join(project, 'node_modules/.package-lock.json'), 'utf8')) as {
    packages: Record<string, unknown>
  }
  const packages = Object.keys(lock.packages).length
  const files = globSync('node_modules/**/*', { cwd: project }).map((file) => statSync(join(project, file)))
  const megabytes = files.reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0) / 1e6
  console.log(`install: ${packages} packages, ${megabytes.toFixed(1)} MB`)
  if (packages > maxPackages) throw new Error(`A clean install has ${packages} packages, allowed ${maxPackages}.`)
  if (megabytes > maxMegabytes) throw new Error(`A clean install has ${megabytes} MB, allowed ${maxMegabytes}.`)
}

function checkImports(): void {
  write(
    'imports.js',
    `for (const name of ${JSON.stringify(subpaths)}) {
  if (Object.keys(await import(name)).length === 0) throw new Error(name + ' exports nothing')
}\n`,
  )
  run('node', ['imports.js'])
  console.log(`imports: ${subpaths.join(', ')}`)
}

/** The hook sees every module, packages and builtins, that importing the core resolves. */
function checkCoreIsAlone(): void {
  write(
    'alone.js',
    `import { registerHooks } from 'node:module'
const urls = []
registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context)
    urls.push(resolved.url)
    return resolved
  },
})
await import('opspawn/core')
console.log(JSON.stringify(urls))\n`,
  )
  const urls = JSON.parse(run('node', ['alone.js'])) as string[]
  const foreign = urls.filter((url) => !url.includes('/node_modules/opspawn/dist/'))
  if (urls.length === 0 || foreign.length > 0) throw new Error(`opspawn/core loads ${foreign.join(', ') || 'nothing'}.`)
  console.log(`core: opens ${urls.length} own file(s) and nothing else`)
}

/** A store's threads are files that nobody imports, so only a program that uses them shows that they are there. */
function checkDurable(): void {
  write(
    'durable.js',
    `import { createOrchestrator, defineAgent } from 'opspawn'
import { scriptedModel } from 'opspawn/testing'
const agent = defineAgent({ name: 'parrot', model: scriptedModel(['Hello.'], { repeat: true }) })
for (const runId of ['first', 'second']) {
  const ops = await createOrchestrator({ agents: [agent], store: 'runs.db', announce: false })
  const { status } = await (await ops.start(agent, 'go', { runId })).result
  const { runs } = await ops.list()
  console.log(status, runs.length)
  await ops.close()
}\n`,
  )
  const said = run('node', ['durable.js']).trim()
  if (said !== 'completed 1\ncompleted 2') throw new Error(`Runs in a file do not work in the package: ${said}`)
  console.log('durable: runs in a file, threads included')
}

/** A sandbox starts a thread by its file and reads the engine of its peer; without the peer it names what is missing. */
function checkSandbox(): void {
  write(
    'sandbox.js',
    `import { quickjsSandbox } from 'opspawn/plugins/sandbox-quickjs'
await using sandbox = quickjsSandbox()
const task = { code: 'return await tools.double({ n: 21 })', api: { double: ({ n }) => n * 2 } }
console.log(await sandbox.run(task).then(({ value }) => value, ({ code }) => code))\n`,
  )
  const without = run('node', ['sandbox.js']).trim()
  if (without !== 'PLUGIN_PACKAGE_MISSING') throw new Error(`A sandbox without quickjs-wasi says ${without}.`)
  cpSync(join(root, 'node_modules/quickjs-wasi'), join(project, 'node_modules/quickjs-wasi'), { recursive: true })
  const said = run('node', ['sandbox.js']).trim()
  if (said !== '42') throw new Error(`Code in a sandbox does not work in the package: ${said}`)
  console.log('sandbox: code in a thread, with the engine of its peer')
}

/** Once for the browser's types without Node's, once for Node's without the browser's. */
function checkTypes(files: readonly string[]): void {
  const kinds = {
    dom: { lib: ['es2024', 'esnext.disposable', 'dom', 'dom.iterable', 'dom.asynciterable'], types: [] },
    node: { lib: ['es2024'], types: ['node'], typeRoots: [join(root, 'node_modules/@types')] },
  }
  const uses = subpaths.map((name, index) => `import * as entry${index} from '${name}'\nvoid entry${index}\n`)
  write('consumer.ts', uses.join(''))
  for (const [kind, environment] of Object.entries(kinds)) {
    const compilerOptions = {
      target: 'es2023',
      module: 'nodenext',
      moduleResolution: 'nodenext',
      strict: true,
      noEmit: true,
    }
    const include = kind === 'node' ? ['consumer.ts', ...files] : ['consumer.ts']
    write(`tsconfig.${kind}.json`, JSON.stringify({ compilerOptions: { ...compilerOptions, ...environment }, include }))
    try {
      run(join(root, 'node_modules/.bin/tsc'), ['-p', `tsconfig.${kind}.json`])
    } catch (error) {
      throw new Error(`The types fail for a consumer with ${kind} types:\n${(error as { stdout: string }).stdout}`)
    }
  }
  console.log(`types: ${Object.keys(kinds).join(', ')}`)
}

/** The command as a stranger calls it: from the first file to the end of a run that a person allowed. */
function checkCommand(): void {
  const built = readFileSync(join(root, COMMAND.built), 'utf8')
  if (!built.startsWith('#!/usr/bin/env node\n'))
    throw new Error(`${COMMAND.built} cannot be called: it has no first line for that.`)
  // An import would be read before the version of Node is looked at.
  if (/^import\b/m.test(built)) throw new Error(`${COMMAND.built} imports before it has looked at the version of Node.`)
  const opspawn = (...args: readonly string[]): string => run('npx', ['--no-install', 'opspawn', ...args])
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  const told = opspawn('--version').trim()
  if (told !== version) throw new Error(`opspawn --version says ${told}, package.json ${version}.`)
  opspawn('init')
  opspawn('validate', 'hello.yaml')
  opspawn('run', 'hello', '--set', 'name=Ada', '--detach', '--id', 'hello-1')
  opspawn('worker', '--until-idle', '--json')
  opspawn('approve', 'hello-1', '--by', 'pack-check', '--store', 'runs.db')
  opspawn('worker', '--until-idle', '--json')
  const { run: ended } = JSON.parse(opspawn('inspect', 'hello-1', '--json')) as { run: { outcome?: { output?: unknown } } }
  if (ended.outcome?.output !== 'Hello, Ada.') throw new Error(`The run of opspawn init came to ${JSON.stringify(ended)}.`)
  console.log(`command: opspawn ${told}, init to the end of an approved run`)
}

/** The first TypeScript block of the README that imports opspawn must run as it stands. */
function writeReadmeExample(): string[] {
  const readme = join(root, 'README.md')
  if (!existsSync(readme)) return []
  const blocks = [...readFileSync(readme, 'utf8').matchAll(/^```ts\n(.*?)^```/gms)].map((match) => match[1]!)
  const example = blocks.find((block) => /from 'opspawn/.test(block))
  if (example === undefined) throw new Error('README.md has no ```ts block that imports opspawn.')
  write('readme.ts', example)
  return ['readme.ts']
}

try {
  install()
  checkInstallSize()
  checkImports()
  checkCoreIsAlone()
  checkDurable()
  checkCommand()
  const readme = writeReadmeExample()
  checkTypes(readme)
  checkSandbox()
  for (const file of readme) console.log(`README example:\n${run('node', [file])}`)
} finally {
  rmSync(project, { recursive: true, force: true })
}
