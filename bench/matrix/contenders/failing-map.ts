/** A map whose writes can be made to fail, as those of a store behind a network do. */
export class FailingMap extends Map<string, unknown> {
  #isBroken = false

  override set(key: string, value: unknown): this {
    if (this.#isBroken) throw new Error('the storage is broken')
    return super.set(key, value)
  }

  readonly breakStorage = (): (() => void) => {
    this.#isBroken = true
    return () => void (this.#isBroken = false)
  }
}
