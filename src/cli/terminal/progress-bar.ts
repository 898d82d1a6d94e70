import { showDuration } from './duration.ts'
import type { Output } from './output.ts'

const WIDTH = 24
const DRAW_MS = 100

/** Shows how far long work is, on one line of a terminal that looks; elsewhere nothing. */
export class ProgressBar {
  readonly #output: Output
  readonly #what: string
  readonly #startedAt = Date.now()
  readonly #timer: NodeJS.Timeout | undefined
  #done = 0
  #total: number | undefined

  /** @param total absent: nobody knows how much it is. */
  constructor(output: Output, what: string, total?: number) {
    this.#output = output
    this.#what = what
    this.#total = total
    if (!output.isLive) return
    this.#draw()
    this.#timer = setInterval(() => this.#draw(), DRAW_MS)
    this.#timer.unref()
  }

  step(done: number, total: number | undefined = this.#total): void {
    this.#done = done
    this.#total = total
  }

  /** A line that stays. */
  say(text: string): void {
    this.#output.note(this.#timer === undefined ? text : `\r\u001b[K${text}`)
  }

  end(): void {
    if (this.#timer === undefined) return
    clearInterval(this.#timer)
    this.#output.rawNote('\r\u001b[K')
  }

  #draw(): void {
    const elapsed = showDuration(Date.now() - this.#startedAt)
    const total = this.#total
    const share = total === undefined ? undefined : total === 0 ? 1 : Math.min(1, this.#done / total)
    const filled = share === undefined ? 0 : Math.round(share * WIDTH)
    const bar = share === undefined ? '' : ` ${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)} ${this.#done}/${total}`
    this.#output.rawNote(`\r\u001b[K${this.#what}${bar}  ${elapsed}`)
  }
}

/** Shows that something is being done until it is. */
export async function whileShown<T>(output: Output, what: string, work: () => Promise<T>): Promise<T> {
  const bar = new ProgressBar(output, what)
  try {
    return await work()
  } finally {
    bar.end()
  }
}
