// Which definitions there are, and who registered them: so that a run that nobody goes on with can say what it waits for (S16).
import { hostname } from 'node:os'
import {
  type Agent,
  type DocumentTable,
  type Json,
  type JsonObject,
  type OperationOptions,
  OpspawnError,
  type PinnedDefinition,
  type RegisteredDefinition,
  type RunRecord,
  toFailure,
  toJson,
} from '../core/index.ts'
import { composeAgents } from './composition.ts'
import type { ReadyAgent } from './definition.ts'
import type { Engine } from './engine.ts'
import type { ReplayOptions } from './replay.ts'
import { tightenLimits } from './spending.ts'
import { hashJson, hashText } from './system.ts'

const KIND = 'definition'
const LISTED = 200
/** Definitions of one agent that are remembered, the last registered ones. */
export const MAX_DEFINITIONS = 50
/** Differences that are told. */
const MAX_DIFFERENCES = 20

/** A definition on record: what it consists of, by names and hashes, and which process registered it. Never more: instructions may hold secrets. */
interface Registered {
  readonly agent: string
  readonly by: string
  readonly parts: JsonObject
}

/**
 * Notes what this worker knows. Runs in a store that ends with its process need nobody to look for them. What goes wrong is
 * told as a fault: the work goes on.
 */
export async function registerDefinitions(engine: Engine): Promise<void> {
  const { documents, capabilities } = engine.store
  if (documents === undefined || capabilities.durability === 'none') return
  // After the start: it must not wait for this, and whoever listens for faults must have had a chance to say so.
  await new Promise((resolve) => void setImmediate(resolve))
  for (const ready of engine.agents.values()) {
    try {
      await register(documents, ready, engine.workerId)
    } catch (error) {
      // Another process registered it in the same moment.
      if (!OpspawnError.is(error, 'DOCUMENT_CONFLICT'))
        engine.hub.fault(toFailure(error, 'STORE_FAILED'), { where: `definition of ${ready.agent.name}` })
    }
  }
}

async function register(documents: DocumentTable, ready: ReadyAgent, workerId: string): Promise<void> {
  const key = keyOf(ready.agent.name, ready.hash)
  const by = `process ${process.pid} on ${hostname()}, worker ${workerId}`
  const value: Registered = { agent: ready.agent.name, by, parts: partsOf(ready) }
  const known = await documents.get(KIND, key)
  await documents.put(KIND, key, toJson(value), known?.version ?? 0)
  if (known !== undefined) return
  const older = (await registeredOf(documents, ready.agent.name)).slice(MAX_DEFINITIONS)
  for (const { definition, version } of older) await documents.delete(KIND, definition, version)
}

/**
 * What the agents of today are defined as, by name: the hash that their runs are pinned to. A run whose record has another
 * `definition` is taken up by no worker that has these agents alone.
 *
 * @throws OpspawnError what `createOrchestrator` throws about an agent
 */
export async function definitionsOf(
  agents: readonly Agent[],
  options: Omit<ReplayOptions, 'agents'> = {},
): Promise<ReadonlyMap<string, string>> {
  const ready = await composeAgents({ ...options, agents })
  return new Map([...ready].map(([name, { hash }]) => [name, hash]))
}

/** See {@link Orchestrator.definition}. */
export async function pinnedDefinition(engine: Engine, record: RunRecord, options?: OperationOptions): Promise<PinnedDefinition> {
  const { agent, definition: hash } = record
  const definition = keyOf(agent, hash)
  const all = engine.store.documents === undefined ? [] : await registeredOf(engine.store.documents, agent, options)
  const registered = all.find((one) => one.definition === definition)
  const latest = all[0]
  const ready = engine.agents.get(agent)
  const parts = ready === undefined ? latest?.parts : partsOf(ready)
  return {
    definition,
    here: ready?.hash === hash,
    differences: registered === undefined || parts === undefined ? [] : differences(registered.parts, parts, ''),
    ...(registered && { registered: shown(registered) }),
    ...(latest && { latest: shown(latest) }),
  }
}

type Known = RegisteredDefinition & { readonly version: number; readonly parts: JsonObject }

/** The definitions of an agent that are on record, the last registered first. */
async function registeredOf(documents: DocumentTable, agent: string, options?: OperationOptions): Promise<readonly Known[]> {
  const known: Known[] = []
  for (let cursor: string | undefined, isFirst = true; isFirst || cursor !== undefined; isFirst = false) {
    const page = await documents.list(KIND, { limit: LISTED, ...(cursor === undefined ? undefined : { cursor }) }, options)
    for (const { key, value, version, updatedAt } of page.documents) {
      const { agent: name, by, parts } = value as unknown as Registered
      if (name === agent) known.push({ definition: key, at: updatedAt, by, version, parts })
    }
    cursor = page.cursor
  }
  return known.toSorted((left, right) => right.at - left.at || right.version - left.version)
}

function shown({ definition, at, by }: Known): RegisteredDefinition {
  return { definition, at, by }
}

function keyOf(agent: string, hash: string): string {
  return `${agent}@${hash}`
}

/** What a definition consists of. Names and numbers stand for themselves, texts and schemas are hashes. */
function partsOf({ agent, planner, offered, output }: ReadyAgent): JsonObject {
  const tools = [...offered.values()].map(({ name, effect, labels, description, inputSchema }) => [
    name,
    { effect, labels: labels.join(', '), description: short(hashText(description)), input: short(hashJson(inputSchema)) },
  ])
  return toJson({
    planner: `${planner.name}@${planner.version ?? '1'}`,
    models: Object.fromEntries(
      Object.entries(agent.models).map(([name, { provider, modelId }]) => [name, `${provider}/${modelId}`]),
    ),
    tools: Object.fromEntries(tools) as JsonObject,
    limits: tightenLimits(agent.limits, {}) as JsonObject,
    instructions: short(hashText(agent.instructions ?? '')),
    output: output === undefined ? 'none' : short(hashJson(output.jsonSchema)),
  }) as JsonObject
}

function short(hash: string): string {
  return hash.slice(0, 12)
}

/** In words, member by member: `models.default was a, is b`. */
function differences(then: JsonObject, now: JsonObject, path: string): readonly string[] {
  const found: string[] = []
  for (const name of new Set([...Object.keys(then), ...Object.keys(now)])) {
    const [before, after] = [memberOf(then, name), memberOf(now, name)]
    if (isObject(before) && isObject(after)) found.push(...differences(before, after, `${path}${name}.`))
    else if (before !== after) found.push(`${path}${name} ${told(before, after)}`)
  }
  return found.slice(0, MAX_DIFFERENCES)
}

function told(before: Json | undefined, after: Json | undefined): string {
  if (before === undefined) return 'is new'
  if (after === undefined) return 'is gone'
  return `was ${JSON.stringify(before)}, is ${JSON.stringify(after)}`
}

function memberOf(object: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
