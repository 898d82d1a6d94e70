import type { webcrypto } from 'node:crypto'
import type { DpopKeyPair, DpopSession, generateDpopKeyPair } from '@modelcontextprotocol/client'
import type { JsonObject } from '../../../core/index.ts'
import type { Credentials } from './token-keys.ts'

/** Makes what signs requests, with the key that is kept. */
export type DpopMaker = (kept: Credentials) => Promise<unknown>

interface Library {
  readonly DpopSession: typeof DpopSession
  readonly generateDpopKeyPair: typeof generateDpopKeyPair
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' }

/** By the newer library. The key is kept beside the tokens that are bound to it: they are worth nothing without each other. */
export function dpopMaker({ DpopSession: session, generateDpopKeyPair: generate }: Library): DpopMaker {
  return async (kept) => {
    const found = await kept.read('key', '', '')
    if (found !== undefined) return session.create({ keyPair: await restored(found) })
    const keyPair = await generate({ alg: 'ES256', extractable: true })
    const { publicJwk, thumbprint } = keyPair
    const privateJwk = await crypto.subtle.exportKey('jwk', keyPair.privateKey)
    await kept.write('key', '', '', { privateJwk, publicJwk, thumbprint } as unknown as JsonObject)
    return session.create({ keyPair })
  }
}

async function restored({ privateJwk, publicJwk, thumbprint }: JsonObject): Promise<DpopKeyPair> {
  const [privateKey, publicKey] = await Promise.all([
    crypto.subtle.importKey('jwk', privateJwk as webcrypto.JsonWebKey, ALGORITHM, false, ['sign']),
    crypto.subtle.importKey('jwk', publicJwk as webcrypto.JsonWebKey, ALGORITHM, true, ['verify']),
  ])
  return {
    alg: 'ES256',
    privateKey,
    publicKey,
    publicJwk: publicJwk as DpopKeyPair['publicJwk'],
    thumbprint: thumbprint as string,
  }
}
