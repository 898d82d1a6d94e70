import { OpspawnError, type ToolContext } from '../../core/index.ts'

/** Whose call it is: what a secret may depend on. */
export type SecretContext = Pick<ToolContext, 'tenant' | 'agent' | 'session' | 'signal'>

/** Gives the secret text. Called for each call of the tool. */
export type ReadSecret = (context: SecretContext) => string | Promise<string>

/** A text that is read when it is needed and shown nowhere. */
export interface Secret {
  /** Reads it. Not shown by JSON or in a log. */
  readonly read: ReadSecret
}

const brand: unique symbol = Symbol.for('opspawn.secret') as never

/**
 * Marks a header or a parameter as secret: `secret(() => `Bearer ${process.env.KEY}`)`. It is read for each call, never
 * recorded, and masked in results and errors in which it comes back.
 *
 * @throws OpspawnError `OPTIONS_INVALID`
 */
export function secret(read: ReadSecret): Secret {
  if (typeof read !== 'function') throw new OpspawnError('OPTIONS_INVALID', 'secret takes a function that gives the text')
  const shown = (): string => MASK
  return Object.defineProperties({} as Secret, {
    read: { value: read },
    [brand]: { value: true },
    toJSON: { value: shown },
    toString: { value: shown },
    [Symbol.for('nodejs.util.inspect.custom')]: { value: shown },
  })
}

/** Tells whether a value was made by {@link secret}. */
export function isSecret(value: unknown): value is Secret {
  return typeof value === 'object' && value !== null && brand in value
}

/**
 * Reads a secret.
 *
 * @param where such as `header "authorization"`
 * @throws OpspawnError `TOOL_FAILED`; what the function threw is not repeated, since it may hold the secret
 */
export async function readSecret({ read }: Secret, where: string, context: SecretContext): Promise<string> {
  let text: unknown
  try {
    text = await read(context)
  } catch {
    context.signal.throwIfAborted()
    throw unusable(`the secret for ${where} could not be read, its function failed`)
  }
  if (typeof text !== 'string' || text === '') throw unusable(`the secret for ${where} is not there: its function gave no text`)
  if (/[^\t\x20-\x7e\x80-\xff]/.test(text)) throw unusable(`the secret for ${where} has a character that HTTP does not allow`)
  return text
}

function unusable(text: string): OpspawnError {
  return new OpspawnError('TOOL_FAILED', `${text}; nothing was sent`, { retryable: false })
}

const MASK = '[secret]'
/** Shorter parts stand in too many texts by chance. */
const LEAST_PART = 8

/** Makes a function that takes secrets out of a text: whole, without a word such as `Bearer` before, and as they stand in URLs and JSON. */
export function maskOf(secrets: readonly string[]): (text: string) => string {
  const parts = secrets.flatMap((text) => [text, ...text.split(/\s+/).filter((part) => part.length >= LEAST_PART)])
  const forms = parts.flatMap((part) => [part, encodeURIComponent(part), JSON.stringify(part).slice(1, -1)])
  const longestFirst = [...new Set(forms)].filter((form) => form.length > 3).toSorted((a, b) => b.length - a.length)
  return (text) => longestFirst.reduce((masked, form) => masked.replaceAll(form, MASK), text)
}
