/**
 * An HTTP endpoint as a tool.
 *
 * @module
 */

export { httpTool } from './http-tool.ts'
export type { HttpMethod, HttpRequest, HttpToolOptions, QueryValue } from './options.ts'
export { type ReadSecret, type Secret, secret, type SecretContext } from './secret.ts'
