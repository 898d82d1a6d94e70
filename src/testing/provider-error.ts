/** What an error of a provider says; see {@link providerError}. */
export interface ProviderErrorOptions {
  /** HTTP status; absent where no answer came. */
  readonly statusCode?: number | undefined
  /** Whether the provider's package finds that the call may be made again. */
  readonly isRetryable: boolean
  /** By name, such as `retry-after`. */
  readonly responseHeaders?: Record<string, string> | undefined
  /** The error behind it. */
  readonly cause?: unknown
}

/** An error as the AI SDK's providers throw it. */
export interface ProviderError extends Error {
  /** HTTP status; absent where no answer came. */
  readonly statusCode: number | undefined
  /** Whether the provider's package finds that the call may be made again. */
  readonly isRetryable: boolean
  /** By name, such as `retry-after`. */
  readonly responseHeaders: Record<string, string> | undefined
}

/**
 * Makes an error that carries the AI SDK's markers and members (`AI_APICallError`), so that everything that recognises
 * theirs recognises it: the markers are looked up by key, no class is needed.
 */
export function providerError(message: string, options: ProviderErrorOptions): ProviderError {
  const error = new Error(message, options.cause === undefined ? undefined : { cause: options.cause })
  error.name = 'AI_APICallError'
  for (const marker of ['vercel.ai.error', 'vercel.ai.error.AI_APICallError']) {
    Object.defineProperty(error, Symbol.for(marker), { value: true })
  }
  return Object.assign(error, {
    url: 'scripted:',
    requestBodyValues: {},
    statusCode: options.statusCode,
    isRetryable: options.isRetryable,
    responseHeaders: options.responseHeaders,
  })
}
