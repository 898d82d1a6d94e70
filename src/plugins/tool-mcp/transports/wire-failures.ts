import { randomUUID } from 'node:crypto'
import type { OpspawnError } from '../../../core/index.ts'

/** A message of JSON-RPC, not looked at yet. */
export type WireMessage = { readonly [key: string]: unknown }

/** The id of a request or of its answer. */
export type WireId = string | number

/**
 * Failures of one connection that end a single request. They reach the library as an answer with an error, which it hands
 * to the caller of just that request; the token in it, which no server can know, leads back to the failure.
 */
export interface WireFailures {
  /** An answer to `id` that stands for `failure`. */
  answer(id: WireId, failure: OpspawnError): WireMessage
  /** The failure behind an error that the library threw; undefined when the server itself answered so. Found once. */
  take(error: unknown): OpspawnError | undefined
}

/** Implementation-defined server errors of JSON-RPC begin here. */
const CODE = -32_000
const MAX_KEPT = 1_000

/** For one connection. */
export function wireFailures(): WireFailures {
  const kept = new Map<string, OpspawnError>()
  return {
    answer(id, failure) {
      const token = randomUUID()
      if (kept.size >= MAX_KEPT) kept.delete(kept.keys().next().value!)
      kept.set(token, failure)
      return { jsonrpc: '2.0', id, error: { code: CODE, message: failure.message, data: { token } } }
    },
    take(error) {
      const data = (error as { readonly data?: unknown } | undefined)?.data
      const token = (data as { readonly token?: unknown } | undefined)?.token
      if (typeof token !== 'string') return undefined
      const failure = kept.get(token)
      kept.delete(token)
      return failure
    },
  }
}

/**
 * Reads the id of a message of which only the ends are at hand. Exact for well-formed messages: the members besides
 * `result`, `error` and `params` are short, so that the id stands within one of the ends, at the outermost level.
 */
export function idAtTheEnds(head: string, tail: string): WireId | undefined {
  const short = String.raw`(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?`
  const id = String.raw`"id"\s*:\s*(-?\d{1,16}|"[^"\\]{0,200}")`
  const found =
    new RegExp(String.raw`^\s*\{\s*${short}${id}\s*,`).exec(head) ??
    new RegExp(String.raw`,\s*${id}\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$`).exec(tail)
  return found?.[1] === undefined ? undefined : (JSON.parse(found[1]) as WireId)
}
