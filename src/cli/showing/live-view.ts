import { isRecorded, type RunEvent, type RunStreamEvent } from '../../core/index.ts'
import { showDuration } from '../terminal/duration.ts'
import { effectText, outcomeText } from './event-text.ts'
import type { Output } from '../terminal/output.ts'
import { oneLine, visible } from '../terminal/visible.ts'

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const
const FRAME_MS = 100
/** Lines of a text that is being written; the rest has scrolled by. */
const TEXT_LINES = 4

interface OpenLine {
  readonly label: string
  readonly since: number
  text: string
}

/** A run on a terminal: what has settled stands above, what is open is redrawn below. */
export class LiveView {
  readonly #output: Output
  readonly #name: string
  readonly #startedAt = Date.now()
  readonly #open = new Map<string, OpenLine>()
  readonly #timer: NodeJS.Timeout
  #frame = 0
  #drawn = 0

  constructor(output: Output, name: string) {
    this.#output = output
    this.#name = name
    this.#timer = setInterval(() => {
      this.#frame += 1
      this.#draw()
    }, FRAME_MS)
    this.#timer.unref()
  }

  take(event: RunStreamEvent): void {
    const settled = isRecorded(event) ? this.#takeRecorded(event) : this.#takeLive(event)
    this.#draw(settled)
  }

  /** A line that stays. */
  say(text: string): void {
    this.#draw([text])
  }

  /** Leaves the terminal as it should stay. */
  end(): void {
    clearInterval(this.#timer)
    this.#output.rawNote(this.#erase())
    this.#drawn = 0
  }

  #takeRecorded(event: RunEvent): readonly string[] {
    const { noteStyle } = this.#styles()
    if (event.type === 'decision') {
      for (const effect of event.effects) this.#open.set(effect.key, { label: effectText(effect), since: Date.now(), text: '' })
      return []
    }
    if (event.type === 'approval-request')
      return [`${noteStyle('yellow', '?')} ${oneLine(event.key)} waits for approval: ${oneLine(event.question)}`]
    if (event.type === 'effect-retry')
      return [`${noteStyle('yellow', '!')} ${oneLine(event.key)} attempt ${event.attempt}: ${oneLine(event.error.message)}`]
    if (event.type !== 'effect-end') return []
    const line = this.#open.get(event.key)
    this.#open.delete(event.key)
    const mark = event.outcome.status === 'completed' ? noteStyle('green', '✓') : noteStyle('red', '✗')
    const time = noteStyle('dim', showDuration(event.durationMs))
    return [`${mark} ${line?.label ?? oneLine(event.key)} ${time}  ${outcomeText(event.outcome)}`]
  }

  #takeLive(event: RunStreamEvent): readonly string[] {
    if (event.type === 'tool-log') return [`  ${oneLine(event.message)}`]
    const line = 'key' in event ? this.#open.get(event.key) : undefined
    if (line === undefined) return []
    if (event.type === 'text-delta' || event.type === 'reasoning-delta') line.text = (line.text + event.delta).slice(-2_000)
    if (event.type === 'delta-reset') line.text = ''
    return []
  }

  #styles(): Pick<Output, 'noteStyle'> {
    return { noteStyle: (style, text) => this.#output.noteStyle(style, text) }
  }

  #erase(): string {
    return this.#drawn === 0 ? '' : `\u001b[${this.#drawn}A\u001b[J`
  }

  #draw(settled: readonly string[] = []): void {
    const now = Date.now()
    const width = Math.max(20, this.#output.columns - 1)
    const spinner = this.#output.noteStyle('cyan', FRAMES[this.#frame % FRAMES.length] ?? '')
    const lines = [...this.#open.values()].flatMap(({ label, since, text }) => [
      `${spinner} ${cut(`${label}  ${showDuration(now - since)}`, width - 2)}`,
      ...lastLines(text, width - 4).map((line) => `    ${line}`),
    ])
    const foot = `${spinner} ${cut(`${this.#name}  ${showDuration(now - this.#startedAt)}`, width - 2)}`
    const region = [...lines, foot]
    this.#output.rawNote(`${this.#erase()}${[...settled, ...region].map((line) => `${line}\n`).join('')}`)
    this.#drawn = region.length
  }
}

function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text
}

/** The end of a text in lines of a terminal. */
function lastLines(text: string, width: number): readonly string[] {
  const lines = visible(text)
    .replaceAll('\t', ' ')
    .split('\n')
    .flatMap((line) => line.match(new RegExp(`.{1,${width}}`, 'gu')) ?? [])
  return lines.slice(-TEXT_LINES)
}
