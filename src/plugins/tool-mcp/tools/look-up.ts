import { type Json, OpspawnError } from '../../../core/index.ts'
import type { CatalogTool } from '../catalog/server-catalog.ts'
import { cleanText } from '../catalog/clean-text.ts'
import { termsOf } from './access.ts'
import type { FrontInput } from './front-input.ts'
import { nearestNames } from './nearest.ts'
import { signatureOf } from './signature.ts'
import type { View } from './view.ts'
import type { Workshop } from './workshop.ts'

/** What looking up works with. */
export interface Look {
  readonly workshop: Workshop
  readonly view: View
  /** Told of each definition that is shown. */
  readonly note: (tool: CatalogTool) => void
}

const HITS = 5
const NAMES = 100
const LINE = 56
/** Characters of a tool that are shown at first, and then: who calls a tool seldom needs all that there is to say of it. */
const BRIEF = 280
const REST = 4_096

/** Three levels: names of everything, a line for each tool that fits a query, and with `describe` all of one. */
export function listTools({ view, note }: Look, { query = '', server, offset: from = 0 }: FrontInput): Json {
  if (server !== undefined && !view.servers.includes(server)) throw unknownServer(server, view)
  const isWanted = (tool: CatalogTool): boolean => view.isVisible(tool) && (server === undefined || tool.server === server)
  const size = query.trim() === '' ? NAMES : HITS
  const found =
    query.trim() === '' ? view.tools.filter(isWanted).slice(from) : view.search.find(query, from + size + 1, isWanted).slice(from)
  const page = found.slice(0, size)
  for (const tool of page) note(tool)
  const rest = found.length > size ? `\n(more: offset ${from + size})` : ''
  if (page.length === 0) return from > 0 ? 'nothing more' : `no tool fits; ${serversOf(view)}`
  return `${query.trim() === '' ? namesOf(page) : page.map(lineOf).join('\n')}${rest}`
}

/** One tool: what it takes, whether a person is asked, and the beginning of what it does; from an offset on, the rest. */
export function describeTool({ workshop, view, note }: Look, { action, tool: name, server, offset = 0 }: FrontInput): Json {
  if (action !== 'describe' && action !== 'call') throw missing(action, view, server)
  if (name === undefined) throw wrong(`${action} needs tool, the name of one; list finds names`)
  const found = view.find(name, server)
  if (found === undefined) throw unknownTool(name, server, view)
  if (found.needsTask) throw new OpspawnError('TOOL_FAILED', `${found.id} runs only as a task, which is not supported`)
  if (action === 'call') {
    const text = `${found.id} was not called: its server was reached only now; look at it with describe, and make the call again`
    throw new OpspawnError('TOOL_UNAVAILABLE', text, { retryable: false })
  }
  note(found)
  const { approval } = termsOf(found, workshop.access(found.server))
  const { line, notes } = signatureOf(found.input)
  const head = `${found.id}(${line})${approval ? ' asks a person' : ''}`
  const text = [head, found.description, ...notes].join('\n')
  const rest = text.slice(offset, offset + (offset > 0 ? REST : Math.max(BRIEF, head.length)))
  const next = offset + rest.length
  return next < text.length ? `${rest}…\n(more: describe with offset ${next})` : rest
}

function lineOf({ id, description }: CatalogTool): string {
  return `${id}: ${cleanText(description.split('\n', 1)[0] ?? '', LINE)}`
}

function namesOf(tools: readonly CatalogTool[]): string {
  const groups = Map.groupBy(tools, ({ server }) => server)
  return [...groups].map(([server, own]) => `${server}: ${own.map(({ name }) => name).join(' ')}`).join('\n')
}

function serversOf({ servers }: View): string {
  return servers.length === 0 ? 'there is no server' : `servers: ${servers.join(', ')}`
}

function unknownTool(name: string, server: string | undefined, view: View): OpspawnError {
  if (server !== undefined && !view.servers.includes(server)) return unknownServer(server, view)
  const known = view.tools.filter((tool) => server === undefined || tool.server === server).map(({ id }) => id)
  const near = nearestNames(server === undefined ? name : `${server}__${name}`, known, HITS)
  const words = view.search.find(name, HITS, (tool) => view.isVisible(tool)).map(({ id }) => id)
  const meant = [...new Set([...near, ...words])].slice(0, HITS)
  const advice = meant.length === 0 ? `list finds tools; ${serversOf(view)}` : `nearest: ${meant.join(', ')}`
  return new OpspawnError('TOOL_UNKNOWN', `there is no tool ${JSON.stringify(name)}; ${advice}`, { details: { nearest: meant } })
}

function unknownServer(server: string, view: View): OpspawnError {
  return new OpspawnError('TOOL_UNKNOWN', `there is no server ${JSON.stringify(server)}; ${serversOf(view)}`)
}

function missing(action: string, view: View, server: string | undefined): OpspawnError {
  if (action === 'more') return wrong('more needs the id of a cut result, and the offset that stands beside it')
  if (server !== undefined) return unknownServer(server, view)
  return wrong(`${action} needs server; ${serversOf(view)}`)
}

function wrong(text: string): OpspawnError {
  return new OpspawnError('TOOL_INPUT_INVALID', text)
}
