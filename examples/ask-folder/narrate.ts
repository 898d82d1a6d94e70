import { styleText } from 'node:util'
import type { Effect, Failure, Json, ModelAnswer, Outcome, RunOutcome, RunStreamEvent } from 'opspawn'
import type { FileList, FilePart, SearchResult } from './tools.ts'

type Style = Parameters<typeof styleText>[0]

/** Writes to the terminal; plain where NO_COLOR is set or the output is no terminal. */
export function say(text: string, style?: Style, stream: NodeJS.WriteStream = process.stdout): void {
  const safe = printable(text)
  stream.write(`${style === undefined ? safe : styleText(style, safe, { stream })}\n`)
}

/** Without control characters: a document must not move the cursor or colour the terminal. */
function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069]/g, '\uFFFD')
}

/** Tells a run's events as they come. */
export class Narrator {
  readonly #effects = new Map<string, { readonly effect: Effect; readonly mark: string }>()
  #step = 0
  #toolCalls = 0
  #modelCalls = 0
  #tokens = 0
  #unreported = 0
  /** The model's text since its call began, written out as it came. */
  #streamed = ''

  event(event: RunStreamEvent): void {
    switch (event.type) {
      case 'decision':
        for (const effect of event.effects) this.#begin(effect, event.effects.length > 1)
        return
      case 'text-delta':
        if (this.#streamed === '') process.stdout.write('\n')
        this.#streamed += event.delta
        process.stdout.write(printable(event.delta))
        return
      case 'delta-reset':
        this.#endText()
        this.#streamed = ''
        return
      case 'effect-retry':
        this.#endText()
        say(`   ${event.error.message}; trying again in ${seconds(Math.max(0, event.dueAt - event.at))}`, 'yellow')
        return
      case 'effect-end':
        this.#end(event.key, event.outcome, event.durationMs)
        return
      default:
    }
  }

  /** Writes the answer, unless it was streamed already, or what went wrong; then the sums. */
  end(outcome: RunOutcome<string>, ms: number): void {
    if (outcome.status === 'completed' && outcome.output.trim() !== this.#streamed.trim()) say(`\n${outcome.output}`)
    if (outcome.status === 'failed') say(`\n${explain(outcome.error)}`, 'red')
    if (outcome.status === 'cancelled') say(`\nStopped: ${outcome.error.message}`, 'yellow')
    const sums = [outcome.status, `${plural(this.#step, 'step')} (${this.#calls()})`, this.#tokenText(), seconds(ms)]
    say(`\n${sums.join(' · ')}`, outcome.status === 'completed' ? 'green' : 'red')
  }

  #begin(effect: Effect, isParallel: boolean): void {
    this.#endText()
    this.#step += 1
    // Calls that are made at the same time end in any order.
    this.#effects.set(effect.key, { effect, mark: isParallel ? `${this.#step}: ` : '' })
    if (effect.kind === 'model') {
      this.#modelCalls += 1
      this.#streamed = ''
      say(`${this.#step}. asks the model`, 'cyan')
    } else if (effect.kind === 'tool') {
      this.#toolCalls += 1
      say(`${this.#step}. ${effect.tool}  ${describeInput(effect.input)}`, 'cyan')
    }
  }

  #end(key: string, outcome: Outcome, ms: number): void {
    this.#endText()
    const started = this.#effects.get(key)
    if (started?.effect.kind === 'model') this.#countTokens(outcome)
    if (started?.effect.kind !== 'tool') return
    const text = outcome.status === 'completed' ? describeResult(started.effect.tool, outcome.value) : outcome.error.message
    say(`   ${started.mark}${text} (${ms} ms)`, outcome.status === 'completed' ? 'dim' : 'yellow')
  }

  #countTokens(outcome: Outcome): void {
    const { input, output } = outcome.status === 'completed' ? (outcome.value as unknown as ModelAnswer).usage : {}
    this.#tokens += (input ?? 0) + (output ?? 0)
    if (input === undefined || output === undefined) this.#unreported += 1
  }

  #endText(): void {
    if (this.#streamed !== '' && !this.#streamed.endsWith('\n')) {
      process.stdout.write('\n')
      this.#streamed += '\n'
    }
  }

  #calls(): string {
    return this.#modelCalls === 0
      ? plural(this.#toolCalls, 'tool call')
      : `${plural(this.#modelCalls, 'model call')}, ${plural(this.#toolCalls, 'tool call')}`
  }

  #tokenText(): string {
    if (this.#modelCalls === 0) return 'no tokens'
    if (this.#unreported === 0) return `${this.#tokens.toLocaleString('en')} tokens`
    return this.#tokens === 0 ? 'tokens not reported' : `at least ${this.#tokens.toLocaleString('en')} tokens, some not reported`
  }
}

function describeInput(input: Json): string {
  const values = Object.entries(input as { readonly [name: string]: Json })
  const text = values.map(([name, value]) => `${name}: ${JSON.stringify(value)}`).join(', ')
  return text.length > 110 ? `${text.slice(0, 109)}…` : text
}

function describeResult(tool: string, value: Json): string {
  if (tool === 'search_passages') {
    const { hits, passages } = value as unknown as SearchResult
    const files = new Set(hits.map((hit) => hit.file)).size
    const best = hits[0] === undefined ? '' : `; the best is ${hits[0].file}:${hits[0].from}`
    return `${hits.length} of ${plural(passages, 'passage')}, from ${plural(files, 'file')}${best}`
  }
  if (tool === 'read_file') {
    const { from, to, totalLines } = value as unknown as FilePart
    return `lines ${from} to ${to} of ${totalLines}`
  }
  return tool === 'list_files' ? plural((value as unknown as FileList).total, 'file') : 'done'
}

/** What went wrong, for people. */
export function explain({ code, message, causes = [] }: Failure): string {
  return [`${code}: ${message}`, ...causes.map((cause) => `  because: ${cause.message}`)].join('\n')
}

export function plural(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`
}

function seconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`
}
