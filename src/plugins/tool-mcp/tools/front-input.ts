import type { JsonObject } from '../../../core/index.ts'

/** What the front tool may be asked for. */
export interface FrontInput {
  readonly action: 'list' | 'describe' | 'call' | 'read' | 'more'
  readonly query?: string
  readonly server?: string
  readonly tool?: string
  readonly arguments?: JsonObject
  readonly uri?: string
  readonly id?: string
  readonly offset?: number
}
