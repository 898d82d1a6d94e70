/** Runs whose sights are remembered; the one that looked longest ago is forgotten, and is then held to what is there now. */
const MOST_RUNS = 1_000

/** Which definitions a run was shown, so that none is called as another. */
export class Seen {
  readonly #runs = new Map<string, Map<string, string>>()

  /** Notes that a run was shown a definition. */
  note(runId: string, id: string, pin: string): void {
    const shown = this.#runs.get(runId) ?? new Map<string, string>()
    this.#runs.delete(runId)
    if (this.#runs.size >= MOST_RUNS) this.#runs.delete(this.#runs.keys().next().value as string)
    this.#runs.set(runId, shown)
    shown.set(id, pin)
  }

  /** The pin of what a run was shown last. */
  pin(runId: string, id: string): string | undefined {
    return this.#runs.get(runId)?.get(id)
  }

  clear(): void {
    this.#runs.clear()
  }
}
