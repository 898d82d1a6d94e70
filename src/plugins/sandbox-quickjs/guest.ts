/** Name of the code's file in stacks. */
export const SCRIPT = 'script'

/**
 * What is in the machine before the code: `tools`, `console`, and the two functions that the host gets for itself. It holds on
 * to what it needs of the language, so that code which changes the language changes nothing here but for itself.
 */
export const GUEST = `((host, names, limits) => {
  'use strict'
  const { parse, stringify } = JSON
  const { freeze, create, defineProperty } = Object
  const NewPromise = Promise, NewError = Error, NewProxy = Proxy, text = String
  const waiting = create(null)
  let made = 0, left = limits.consoleChars
  const fault = (code, message, details) => {
    const error = new NewError(message)
    defineProperty(error, 'name', { value: 'ToolError' })
    error.code = code
    if (details !== undefined) error.details = details
    return error
  }
  const call = (name, input) => new NewPromise((resolve, reject) => {
    if (made >= limits.calls)
      return reject(fault('TOOL_FAILED', 'more than ' + limits.calls + ' calls in one run; this one was not made', { reason: 'calls' }))
    const json = stringify(input === undefined ? {} : input)
    const problem = typeof json === 'string' ? host('call', name, json) : 'JSON_INVALID: the arguments are not JSON'
    if (problem !== undefined) return reject(fault(problem.split(':')[0], problem.slice(problem.indexOf(':') + 2), { reason: 'arguments' }))
    made += 1
    waiting[made] = { resolve, reject, stack: new NewError('').stack }
  })
  const functions = create(null)
  for (const name of names) functions[name] = freeze((input) => call(name, input))
  const tools = new NewProxy(freeze(functions), {
    get(target, name) {
      if (name in target || typeof name !== 'string' || name === 'then' || name === 'toJSON') return target[name]
      throw fault('TOOL_UNKNOWN', 'there is no tool "' + name + '"; there are ' + (names.join(', ') || 'none'))
    },
  })
  const show = (value) => {
    if (typeof value === 'string') return value
    try {
      if (value instanceof NewError) return text(value)
      const json = stringify(value)
      return json === undefined ? text(value) : json
    } catch { return text(typeof value) }
  }
  const write = (...values) => {
    if (left <= 0) return
    const line = values.map(show).join(' ')
    host('log', left < line.length ? line.slice(0, left) + '…' : line)
    left -= line.length + 1
  }
  const console = freeze({ log: write, info: write, warn: write, error: write, debug: write })
  const read = (thrown, member) => {
    try {
      const value = thrown[member]
      return typeof value === 'string' ? value.slice(0, 4000) : undefined
    } catch { return undefined }
  }
  const describe = (thrown) => {
    if (thrown === null || (typeof thrown !== 'object' && typeof thrown !== 'function')) return { message: text(thrown).slice(0, 4000) }
    const told = create(null)
    for (const member of ['name', 'message', 'stack', 'code']) told[member] = read(thrown, member)
    return told
  }
  return {
    start(run) {
      const end = async () => {
        try {
          const json = stringify(await run(tools, console))
          host('end', json === undefined ? 'null' : json)
        } catch (thrown) {
          try { host('fail', stringify(describe(thrown))) } catch { host('fail', '{"message":"out of memory"}') }
        }
      }
      end()
    },
    settle(id, ok, json) {
      const one = waiting[id]
      if (one === undefined) return
      delete waiting[id]
      const value = parse(json)
      if (ok) one.resolve(value)
      else {
        const error = fault(value.code, value.message, value.details)
        defineProperty(error, 'stack', { value: one.stack })
        one.reject(error)
      }
    },
  }
})`
