/** Packages that plugins load when they need them, in processes in which these cannot be found. The other plugins prove it beside their code. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const moduleOf = (plugin: string): string =>
  JSON.stringify(pathToFileURL(join(import.meta.dirname, '../src/plugins', plugin, 'index.ts')).href)

const server = `{ s: { command: process.execPath, args: ['-e', ''] } }`

test.each([
  ['@modelcontextprotocol/client', 'tool-mcp', `library.mcp({ servers: ${server} }).call('s', 'note', {})`],
  [
    '@modelcontextprotocol/sdk',
    'tool-mcp',
    `library.mcp({ servers: ${server}, driver: library.mcpDriverV1() }).call('s', 'note', {})`,
  ],
  ['quickjs-wasi', 'sandbox-quickjs', `library.quickjsSandbox().run({ code: 'return 1', api: {} })`],
])('without %s the first use names it, and the command that installs it', async (name, plugin, use) => {
  const program = `
    import Module, { registerHooks } from 'node:module'
    const find = (specifier, next) => {
      if (!specifier.startsWith('${name}')) return next()
      throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
    }
    registerHooks({ resolve: (specifier, context, next) => find(specifier, () => next(specifier, context)) })
    // On Node 22 the hooks do not hear of \`require.resolve\`.
    const { _resolveFilename } = Module
    Module._resolveFilename = (specifier, ...rest) => find(specifier, () => _resolveFilename(specifier, ...rest))
    const library = await import(${moduleOf(plugin)})
    const error = await ${use}.catch((thrown) => thrown)
    console.log(JSON.stringify([error.code, error.message]))
    process.exit()`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program])
  const [code, message] = JSON.parse(stdout) as string[]
  expect(code).toBe('PLUGIN_PACKAGE_MISSING')
  expect(message).toContain(`npm install ${name}`)
})
