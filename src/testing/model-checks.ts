import type { FinishReason, ModelPart, ModelResult, ModelUsage } from '../core/index.ts'
import { assert } from './assert.ts'

/** An answer, however it came, in a form to compare. */
export interface Outline {
  readonly text: string
  readonly reasoning: string
  readonly calls: readonly { readonly id: string; readonly name: string; readonly input: string }[]
  readonly finish: string
  readonly usage: readonly (number | undefined)[]
}

type Loose = Readonly<Record<string, unknown>>

/** Checks what `doGenerate` gave. */
export function checkResult(result: ModelResult): Outline {
  assert(typeof result === 'object' && result !== null, 'doGenerate gives an object')
  assert(Array.isArray(result.content), 'content is an array')
  assert(Array.isArray(result.warnings), 'warnings is an array, empty where there are none')
  assert(isOptionalObject(result.providerMetadata), 'providerMetadata is an object or absent')
  const outline = new Gathered()
  for (const part of result.content) outline.add(checkPart(part))
  return outline.finish(result.finishReason, result.usage)
}

/** Checks the parts of a whole stream. */
export function checkStream(parts: readonly ModelPart[]): Outline {
  const outline = new Gathered()
  const open = new Map<string, { readonly kind: string; readonly name: unknown; text: string }>()
  const inputs = new Map<string, string>()
  parts.forEach((given, at) => {
    const part = checkPart(given)
    const { type, id } = part
    const [, kind, step] = /^(text|reasoning|tool-input)-(start|delta|end)$/.exec(type as string) ?? []
    if (kind !== undefined) {
      assert(typeof id === 'string' && id !== '', `${String(type)} has an id`)
      const block = open.get(id)
      if (step === 'start') {
        assert(block === undefined, `block ${id} starts once before it ends`)
        open.set(id, { kind, name: part['toolName'], text: '' })
        return
      }
      assert(block !== undefined && block.kind === kind, `${String(type)} of ${id} stands between start and end of its own block`)
      if (step === 'delta') {
        assert(typeof part['delta'] === 'string', 'a delta is a string')
        block.text += part['delta']
        return
      }
      open.delete(id)
      if (kind === 'tool-input') inputs.set(id, block.text)
      else outline.add({ type: kind, text: block.text })
      return
    }
    if (type === 'stream-start') {
      assert(at === 0, 'stream-start is the first part')
      assert(Array.isArray(part['warnings']), 'stream-start carries an array of warnings')
    }
    if (type === 'tool-call') {
      const streamed = inputs.get(part['toolCallId'] as string)
      assert(
        streamed === undefined || streamed === part['input'],
        'the deltas of a tool input are together the input of the call',
      )
    }
    assert(type !== 'text' && type !== 'reasoning', `a stream has blocks, not whole ${String(type)} parts`)
    outline.add(part)
  })
  const unclosed = [...open.keys()]
  assert(unclosed.length === 0, `every block is closed; open: ${unclosed.join(', ')}`)
  const finishes = parts.filter((part) => part.type === 'finish')
  assert(finishes.length === 1, `a stream has one finish, found ${finishes.length}`)
  assert(parts.at(-1)?.type === 'finish', 'finish is the last part')
  assert(!parts.some((part) => part.type === 'error'), 'a stream that goes well has no error part')
  const { finishReason, usage } = finishes[0] as unknown as { finishReason: FinishReason; usage: ModelUsage }
  return outline.finish(finishReason, usage)
}

/** Checks the shape of one part. Parts of unknown types are fine. */
function checkPart(part: ModelPart): Loose {
  assert(typeof part === 'object' && part !== null && typeof part.type === 'string', 'a part is an object with a type')
  const loose = part as unknown as Loose
  assert(isOptionalObject(loose['providerMetadata']), 'providerMetadata is an object or absent')
  if (part.type === 'tool-call') {
    assert(typeof loose['toolCallId'] === 'string' && loose['toolCallId'] !== '', 'a tool call has an id')
    assert(typeof loose['toolName'] === 'string' && loose['toolName'] !== '', 'a tool call has the name of a tool')
    assert(typeof loose['input'] === 'string', `the input of a tool call is JSON text, found ${typeof loose['input']}`)
  }
  return loose
}

/** Gathers an answer from its parts. */
class Gathered {
  #text = ''
  #reasoning = ''
  readonly #calls: { id: string; name: string; input: string }[] = []

  add(part: Loose): void {
    const { type, text } = part
    if (type === 'text' || type === 'reasoning') {
      assert(typeof text === 'string', `the text of a ${type} part is a string`)
      if (type === 'text') this.#text += text
      else this.#reasoning += text
    }
    if (type !== 'tool-call') return
    const {
      toolCallId: id,
      toolName: name,
      input,
    } = part as Readonly<Record<string, string>> as { toolCallId: string; toolName: string; input: string }
    assert(!this.#calls.some((call) => call.id === id), `tool calls have ids of their own; ${id} came twice`)
    this.#calls.push({ id, name, input })
  }

  finish(reason: FinishReason, usage: ModelUsage): Outline {
    assert(typeof reason === 'object' && reason !== null, 'finishReason is an object')
    assert(typeof reason.unified === 'string' && reason.unified !== '', 'finishReason has a unified word')
    assert(reason.raw === undefined || typeof reason.raw === 'string', 'the raw finish reason is a string or undefined')
    return { text: this.#text, reasoning: this.#reasoning, calls: this.#calls, finish: reason.unified, usage: checkUsage(usage) }
  }
}

function checkUsage(usage: ModelUsage): readonly (number | undefined)[] {
  assert(typeof usage === 'object' && usage !== null, 'usage is an object')
  const { inputTokens: input, outputTokens: output } = usage
  assert(
    typeof input === 'object' && input !== null && typeof output === 'object' && output !== null,
    'usage has inputTokens and outputTokens',
  )
  for (const [name, value] of [...Object.entries(input), ...Object.entries(output)]) {
    const fits = value === undefined || (typeof value === 'number' && Number.isFinite(value) && value >= 0)
    assert(fits, `token count ${name} is a number, or undefined where it is unknown; found ${String(value)}`)
  }
  return [input.total, output.total]
}

function isOptionalObject(value: unknown): boolean {
  return value === undefined || (typeof value === 'object' && value !== null)
}
