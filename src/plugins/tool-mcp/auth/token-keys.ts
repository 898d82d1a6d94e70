import type { JsonObject } from '../../../core/index.ts'
import type { McpTokenStore } from './token-store.ts'

/** Tokens, a registration, the key that tokens are bound to. */
type Kept = 'tokens' | 'client' | 'key'

/** What is kept for one principal at one server, apart for each issuer and resource. */
export interface Credentials {
  /** The issuer and the resource that were used last. */
  current(): Promise<{ readonly issuer: string; readonly resource: string } | undefined>
  setCurrent(issuer: string, resource: string): Promise<void>
  read(kind: Kept, issuer: string, resource: string): Promise<JsonObject | undefined>
  write(kind: Kept, issuer: string, resource: string, value: JsonObject): Promise<void>
  remove(kind: Kept, issuer: string, resource: string): Promise<void>
}

/** Over a store of the host. A registration belongs to an issuer, tokens to an issuer and a resource. */
export function credentialsOf(store: McpTokenStore, principal: string, server: string): Credentials {
  const key = (...parts: readonly string[]): string => JSON.stringify(['mcp', principal, server, ...parts])
  const place = (kind: Kept, issuer: string, resource: string): string =>
    kind === 'tokens' ? key(kind, issuer, resource) : key(kind, issuer)
  return {
    async current() {
      const found = await store.get(key('current'))
      const { issuer, resource } = found ?? {}
      return typeof issuer === 'string' && typeof resource === 'string' ? { issuer, resource } : undefined
    },
    setCurrent: (issuer, resource) => store.set(key('current'), { issuer, resource }),
    read: (kind, issuer, resource) => store.get(place(kind, issuer, resource)),
    write: (kind, issuer, resource, value) => store.set(place(kind, issuer, resource), value),
    remove: (kind, issuer, resource) => store.delete(place(kind, issuer, resource)),
  }
}
