import { type ErrorCode, type Json, OpspawnError } from '../../core/index.ts'
import type { Settings } from './options.ts'

type Mask = (text: string) => string

const JSON_TYPE = /^(application|text)\/([\w.+-]+\+)?json$/
const TEXT_TYPE = /^(text\/|application\/([\w.+-]+\+)?(json|xml|yaml)$|application\/(javascript|x-ndjson)$)/

/** Reads a good answer. @throws OpspawnError `TOOL_OUTPUT_INVALID`, and what the body fails with */
export async function readAnswer(response: Response, settings: Settings, mask: Mask): Promise<Json> {
  if (response.body === null) return null
  const type = typeOf(response)
  const isJson = settings.answer === 'json'
  if (!(isJson ? JSON_TYPE : TEXT_TYPE).test(type)) {
    // An empty body needs no type.
    if (response.headers.get('content-length') === '0' || (type === '' && (await firstBytes(response)) === '')) return null
    await response.body.cancel()
    const wanted = isJson ? 'JSON' : 'text'
    const shown = type === '' ? 'no content type' : `content type "${mask(type.slice(0, 100))}"`
    throw unusable(settings, `answered with ${shown}, not ${wanted}`)
  }
  const text = mask(await textOf(response))
  if (!isJson) return text
  if (text === '') return null
  try {
    return JSON.parse(text) as Json
  } catch {
    throw unusable(settings, `said that it answers with JSON, but the ${text.length} characters are none`)
  }
}

/** Turns an answer that is not good into an error and throws it. */
export async function refusalOf(response: Response, settings: Settings, mask: Mask): Promise<never> {
  const { status } = response
  const [code, retryable] = codeOf(status, settings)
  const told = await excerptOf(response, mask)
  const retryAfterMs = retryable ? retryAfter(response.headers) : undefined
  const fate = code === 'EFFECT_UNKNOWN' ? '; it may have been done, do not repeat it blindly' : ''
  const message = `tool "${settings.name}": ${settings.url.origin} answered with status ${status}${fate}${told}`
  throw new OpspawnError(code, message, {
    retryable,
    details: { status, ...(retryAfterMs === undefined ? undefined : { retryAfterMs }) },
  })
}

/** What a status means for the call, by whether doing it again does harm. */
function codeOf(status: number, { effect }: Settings): readonly [code: ErrorCode, retryable: boolean] {
  if (status === 429) return ['TOOL_RATE_LIMITED', true]
  if (status === 408 || status === 425 || status === 503) return ['TOOL_UNAVAILABLE', true]
  // A gateway heard nothing from the one behind it.
  if (status === 502 || status === 504) return effect === 'unsafe' ? ['EFFECT_UNKNOWN', false] : ['TOOL_UNAVAILABLE', true]
  const mayPass = status >= 500 && status !== 501 && status !== 505
  return ['TOOL_FAILED', mayPass && effect !== 'unsafe']
}

/** The beginning of what was said, as one line: it may tell a model how to mend its arguments. */
async function excerptOf(response: Response, mask: Mask): Promise<string> {
  const isText = TEXT_TYPE.test(typeOf(response))
  // HTML tells people, at length, and nobody else.
  if (!isText || typeOf(response) === 'text/html') {
    await response.body?.cancel()
    return ''
  }
  const text = mask(await firstBytes(response).catch(noMore))
    .replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
  return text === '' ? '' : `: ${text.slice(0, MAX_EXCERPT)}${text.length > MAX_EXCERPT ? '…' : ''}`
}

const MAX_EXCERPT = 500
/** A secret that stands across the end of what is read would not be found: more is read than is shown. */
const MAX_READ = 65_536

/** The status says enough where what was said with it broke off. */
function noMore(error: unknown): string {
  if (OpspawnError.is(error)) return ''
  throw error
}

/** The first bytes of a body as text; the rest is left. */
async function firstBytes({ body }: Response): Promise<string> {
  if (body === null) return ''
  const decoder = new TextDecoder()
  let text = ''
  const reader: ReadableStreamDefaultReader<Uint8Array> = body.getReader()
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      text += decoder.decode(next.value, { stream: true })
      if (text.length >= MAX_READ) break
    }
  } finally {
    await reader.cancel().catch(() => {})
    reader.releaseLock()
  }
  return text
}

async function textOf(response: Response): Promise<string> {
  const charset = /;\s*charset="?([\w:.-]+)/i.exec(response.headers.get('content-type') ?? '')?.[1] ?? 'utf-8'
  return decoderOf(charset).decode(await response.arrayBuffer())
}

function decoderOf(charset: string): InstanceType<typeof TextDecoder> {
  try {
    return new TextDecoder(charset)
  } catch {
    // Not one that the platform knows: most such labels are misspelt UTF-8.
    return new TextDecoder()
  }
}

function typeOf(response: Response): string {
  return (response.headers.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

/** Milliseconds to wait; a date counts from the server's own. */
function retryAfter(headers: Headers): number | undefined {
  const text = headers.get('retry-after')?.trim() ?? ''
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000
  const wait = Date.parse(text) - Date.parse(headers.get('date') ?? '')
  return Number.isNaN(wait) ? undefined : Math.max(0, wait)
}

function unusable({ name, url }: Settings, text: string): OpspawnError {
  return new OpspawnError('TOOL_OUTPUT_INVALID', `tool "${name}": ${url.origin} ${text}`)
}
