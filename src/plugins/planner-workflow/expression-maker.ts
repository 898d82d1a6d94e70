import type { Json } from '../../core/index.ts'
import { durationMs } from '../../planning/index.ts'
import type { TaskDocument } from './document.ts'
import type { Complain, Expression, ExpressionCompiler } from './expression.ts'
import type { GraphRetry, GraphTask } from './graph.ts'
import type { Path, Report } from './problem.ts'
import { show } from './structure.ts'
import { compileTemplate, type Template, UnclosedError } from './template.ts'
import { kindText, type ValueType } from './value-type.ts'
import { contextOf, type Visible } from './visible.ts'

/** Makes the expressions and durations of a document ready, and reports what is wrong with them. */
export class ExpressionMaker {
  readonly #expressions: ExpressionCompiler
  readonly #report: Report

  constructor(expressions: ExpressionCompiler, report: Report) {
    this.#expressions = expressions
    this.#report = report
  }

  /** A condition: an expression that must be true or false. */
  condition(text: string, path: Path, visible: Visible): Expression | undefined {
    if (text.includes('${{')) {
      this.#report.add('expression-syntax', path, 'a condition is an expression already: leave ${{ and }} out')
      return undefined
    }
    const expression = this.#expression(text, path, visible)
    const kind = expression?.type.kind ?? 'any'
    if (kind !== 'any' && kind !== 'bool')
      this.#report.add('expression-type', path, `a condition must be true or false, and this is ${kindText(kind)}`)
    return expression
  }

  #expression(text: string, path: Path, visible: Visible): Expression | undefined {
    const complain: Complain = (rule, message) => this.#report.add(rule, path, message)
    return this.#expressions.compile(text, contextOf(visible), complain)
  }

  /** A value with its expressions made ready. @param note gets the type of each. */
  template(value: Json, path: Path, visible: Visible, note?: (at: Path, type: ValueType) => void): Template {
    try {
      return compileTemplate(value, path, (text, at) => {
        const expression = this.#expression(text, at, visible)
        if (expression !== undefined) note?.(at, expression.type)
        return expression
      })
    } catch (error) {
      if (!(error instanceof UnclosedError)) throw error
      this.#report.add('expression-syntax', path, error.message)
      return { constant: null }
    }
  }

  /** A duration, read now where no expression is in it. */
  duration(text: string | undefined, path: Path, visible: Visible): Pick<GraphTask, 'duration' | 'fixedMs'> {
    if (text === undefined) return { duration: undefined, fixedMs: undefined }
    const duration = this.template(text, path, visible)
    if ('constant' in duration) return { duration, fixedMs: text.includes('${{') ? 0 : this.#durationMs(text, path) }
    const kind = duration.only?.type.kind ?? 'any'
    if (kind !== 'any' && kind !== 'string')
      this.#report.add('expression-type', path, `a duration is a text such as 90s, and this is ${kindText(kind)}`)
    return { duration, fixedMs: undefined }
  }

  #durationMs(text: string, path: Path): number {
    const ms = durationMs(text)
    if (ms === undefined)
      this.#report.add('duration', path, `${show(text)} is no duration from 0 to ten years; write 500ms, 90s, 1h30m, 2d or PT15M`)
    return ms ?? 0
  }

  /** How a task is tried again. */
  retry({ retry }: TaskDocument, path: Path): GraphRetry {
    if (typeof retry !== 'object') return { attempts: retry ?? 1, isGiven: retry !== undefined, baseMs: 1000, maxMs: 60_000 }
    const { attempts, backoff = '1s', maxBackoff = '1m' } = retry
    const at = (key: string): Path => [...path, 'retry', key]
    return {
      attempts,
      isGiven: true,
      baseMs: this.#durationMs(backoff, at('backoff')),
      maxMs: this.#durationMs(maxBackoff, at('maxBackoff')),
    }
  }
}
