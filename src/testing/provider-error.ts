/** What an error of a provider says; see {@link providerError}. */
export interface ProviderErrorOptions {
  readonly statusCode?: number | undefined
  readonly isRetryable: boolean
  readonly responseHeaders?: Record<string, string> | undefined
  readonly cause?: unknown
}

/** An error as the AI SDK's providers throw it. */
export interface ProviderError extends Error {
  readonly statusCode: number | undefined
  readonly isRetryable: boolean
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
