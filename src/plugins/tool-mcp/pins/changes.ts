import type { Json, JsonObject } from '../../../core/index.ts'
import { visibleText } from '../catalog/clean-text.ts'
import { compare, type ServerCatalog } from '../catalog/server-catalog.ts'
import { isObject } from '../faults.ts'
import { isSame } from './pin.ts'
import type { PinnedEntry } from './pin-store.ts'

/**
 * One difference between what was approved and what a server shows now.
 *
 * @property server Name of the server.
 * @property kind What sort of difference it is.
 */
export interface PinChange {
  readonly server: string
  /** As the server calls it, hidden characters made visible; absent: the server itself. */
  readonly tool?: string
  readonly kind: 'changed' | 'new' | 'gone' | 'renamed' | 'server' | 'instructions'
  /** Member by member, hidden characters made visible: `/description: "a" -> "b"`. */
  readonly lines: readonly string[]
}

/** Differences that are told of one tool. */
const MOST_LINES = 40
const MOST_TEXT = 400

/** What differs, in the order of names. */
export function pinChanges(known: PinnedEntry | undefined, catalog: ServerCatalog): readonly PinChange[] {
  const { server, tools } = catalog
  const before = known?.tools ?? {}
  const now = new Map(tools.map((tool) => [tool.name, tool]))
  const gone = Object.keys(before).filter((name) => !now.has(name))
  const changes: PinChange[] = known === undefined ? [] : ofServer(known, catalog)
  for (const [name, { raw, pin }] of now) {
    const old = Object.hasOwn(before, name) ? before[name] : undefined
    if (old?.pin === pin) continue
    const shown = visibleText(name)
    if (old === undefined) {
      const former = gone.find((other) => isSame(unnamed(before[other]?.definition), unnamed(raw)))
      changes.push(
        former === undefined
          ? { server, tool: shown, kind: 'new', lines: lines(undefined, raw, '') }
          : { server, tool: shown, kind: 'renamed', lines: [`/name: ${told(former)} -> ${told(name)}`] },
      )
    } else if (!isSame(old.definition, raw)) {
      changes.push({ server, tool: shown, kind: 'changed', lines: lines(old.definition, raw, '').slice(0, MOST_LINES) })
    }
  }
  for (const name of gone) changes.push({ server, tool: visibleText(name), kind: 'gone', lines: [] })
  return changes.toSorted((left, right) => compare(left.tool ?? '', right.tool ?? ''))
}

function ofServer(known: PinnedEntry, { server, identity, instructions }: ServerCatalog): PinChange[] {
  const changes: PinChange[] = []
  if (!isSame(known.identity, identity)) changes.push({ server, kind: 'server', lines: lines(known.identity, identity, '') })
  if (known.instructions !== (instructions ?? null))
    changes.push({ server, kind: 'instructions', lines: [`${told(known.instructions)} -> ${told(instructions ?? null)}`] })
  return changes
}

function unnamed(definition: JsonObject | undefined): JsonObject {
  const { name: _, ...rest } = definition ?? {}
  return rest
}

function lines(before: Json | undefined, now: Json | undefined, path: string): string[] {
  if (isObject(before) && isObject(now)) {
    const members = [...new Set([...Object.keys(before), ...Object.keys(now)])].toSorted()
    return members.flatMap((name) =>
      lines((before as JsonObject)[name], (now as JsonObject)[name], `${path}/${visibleText(name)}`),
    )
  }
  return isSame(before, now) ? [] : [`${path || '/'}: ${told(before)} -> ${told(now)}`]
}

function told(value: Json | undefined): string {
  if (value === undefined) return 'nothing'
  const text = visibleText(JSON.stringify(value))
  return text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)}…` : text
}
