import type { Agent } from '../../core/index.ts'
import type { TaskDocument } from './document.ts'
import type { Graph, GraphTask } from './graph.ts'
import { graphOf, type LiveTask, type RunSoFar, taskStates } from './live-states.ts'
import type { TaskStatus } from './task-state.ts'

const COLOURS: Readonly<Record<TaskStatus, string>> = {
  pending: '#ffffff',
  running: '#cfe2ff',
  waiting: '#fff3cd',
  completed: '#d1e7dd',
  failed: '#f8d7da',
  skipped: '#e9ecef',
  cancelled: '#e9ecef',
}

const MERMAID_SHAPES: Readonly<Record<GraphTask['kind'], readonly [string, string]>> = {
  tool: ['["', '"]'],
  agent: ['(["', '"])'],
  workflow: ['[["', '"]]'],
  approval: ['{{"', '"}}'],
  signal: ['[/"', '"/]'],
  sleep: ['("', '")'],
}

const DOT_SHAPES: Readonly<Record<GraphTask['kind'], string>> = {
  tool: 'box',
  agent: 'ellipse',
  workflow: 'box3d',
  approval: 'hexagon',
  signal: 'parallelogram',
  sleep: 'oval',
}

/**
 * Draws a workflow as a Mermaid flowchart; with a run, each task in its state.
 *
 * @throws OpspawnError `OPTIONS_INVALID` for an agent that is no workflow
 */
export function toMermaid(workflow: Agent, run?: RunSoFar): string {
  const graph = graphOf(workflow)
  const states = run === undefined ? undefined : taskStates(workflow, run)
  const lines = ['flowchart TD']
  for (const task of graph.tasks) {
    const [open, close] = MERMAID_SHAPES[task.kind]
    const state = states?.[task.index]
    const label = labelOf(graph, task, state).map(mermaidText).join('<br/>')
    lines.push(`  t${task.index}${open}${label}${close}${state === undefined ? '' : `:::${state.status}`}`)
  }
  for (const { from, to, isFailure } of edgesOf(graph)) lines.push(`  t${from} ${isFailure ? '-.->|on failure|' : '-->'} t${to}`)
  const shown = new Set(states?.map(({ status }) => status))
  for (const status of shown) lines.push(`  classDef ${status} fill:${COLOURS[status]},stroke:#495057,color:#000000`)
  return `${lines.join('\n')}\n`
}

/**
 * Draws a workflow in the DOT language of Graphviz; with a run, each task in its state.
 *
 * @throws OpspawnError `OPTIONS_INVALID` for an agent that is no workflow
 */
export function toDot(workflow: Agent, run?: RunSoFar): string {
  const graph = graphOf(workflow)
  const states = run === undefined ? undefined : taskStates(workflow, run)
  const lines = [`digraph ${dotText(graph.document.name)} {`, '  node [fontname="sans-serif"];']
  for (const task of graph.tasks) {
    const state = states?.[task.index]
    const label = labelOf(graph, task, state).map(dotLine).join('\\n')
    const fill = state === undefined ? '' : `, style=filled, fillcolor="${COLOURS[state.status]}"`
    lines.push(`  t${task.index} [label="${label}", shape=${DOT_SHAPES[task.kind]}${fill}];`)
  }
  for (const { from, to, isFailure } of edgesOf(graph))
    lines.push(`  t${from} -> t${to}${isFailure ? ' [style=dotted, label="on failure"]' : ''};`)
  return `${[...lines, '}'].join('\n')}\n`
}

function labelOf(graph: Graph, task: GraphTask, state: LiveTask | undefined): string[] {
  const document = graph.document.tasks[task.name] as TaskDocument
  const lines = [task.name, `${task.kind}${task.target === '' ? '' : ` ${task.target}`}`]
  if (document.forEach !== undefined) lines.push('for each item')
  if (document.if !== undefined) lines.push(`if ${document.if}`)
  if (state !== undefined) lines.push(state.reason === undefined ? state.status : `${state.status}: ${state.reason}`)
  return lines.map((line) => (line.length > 60 ? `${line.slice(0, 57)}…` : line))
}

function edgesOf({ tasks }: Graph): readonly { readonly from: number; readonly to: number; readonly isFailure: boolean }[] {
  return tasks.flatMap(({ index, needs, onFailure }) => [
    ...needs.map((need) => ({ from: need, to: index, isFailure: false })),
    ...onFailure.map((task) => ({ from: index, to: task, isFailure: true })),
  ])
}

/** Everything that Mermaid or a browser could read as more than text becomes its number. */
function mermaidText(text: string): string {
  return oneLine(text).replaceAll(/[^A-Za-z0-9 _.,…-]/gu, (sign) => `#${sign.codePointAt(0) ?? 32};`)
}

function dotText(text: string): string {
  return `"${dotLine(text)}"`
}

function dotLine(text: string): string {
  return oneLine(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"')
}

function oneLine(text: string): string {
  return text.replaceAll(/[\s\p{Cc}]+/gu, ' ')
}
