import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

/** A process in which the optional package cannot be found. */
const PROGRAM = `
import { registerHooks } from 'node:module'
registerHooks({
  resolve(specifier, context, next) {
    if (specifier === '@bufbuild/cel') throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
    return next(specifier, context)
  },
})
const { loadWorkflow } = await import(${JSON.stringify(new URL('index.ts', import.meta.url).href)})
const paths = await loadWorkflow({ name: 'paths', tasks: { a: { tool: 'x', with: '\${{ input.a[0].b }}' } } })
const error = await loadWorkflow({ name: 'more', tasks: { a: { sleep: '1s', if: 'input.a == 1' } } }).catch((thrown) => thrown)
console.log(JSON.stringify([paths.name, error.code, error.message]))
`

test('paths need no library; more than a path names the package and the command', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', PROGRAM])
  const [name, code, message] = JSON.parse(stdout) as string[]
  expect([name, code]).toEqual(['paths', 'PLUGIN_PACKAGE_MISSING'])
  expect(message).toContain('npm install @bufbuild/cel')
})
