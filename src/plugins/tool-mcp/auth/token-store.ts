import type { JsonObject } from '../../../core/index.ts'

/**
 * Where tokens are kept. Keys differ for each principal, server, issuer and resource; values are secret.
 *
 * @property get What is kept; undefined: nothing.
 * @property set Puts a value in the place of what was kept.
 * @property delete Forgets it.
 */
export interface McpTokenStore {
  get(key: string): Promise<JsonObject | undefined>
  set(key: string, value: JsonObject): Promise<void>
  delete(key: string): Promise<void>
}

/** Keeps tokens as long as the process lives. */
export function memoryTokenStore(): McpTokenStore {
  const kept = new Map<string, JsonObject>()
  return {
    get: async (key) => kept.get(key),
    set: async (key, value) => void kept.set(key, value),
    delete: async (key) => void kept.delete(key),
  }
}
