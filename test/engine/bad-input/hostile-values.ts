/** Throws whenever it is called: a getter, a method, a schema. */
export const trap = (): never => {
  throw new Error('trap')
}

/** Cannot be looked at in any way. */
export const revoked: object = (() => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
})()
