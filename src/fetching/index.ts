/** What the tools that go to the network share: a fetch that goes only where it may. Imports core and Node builtins. */
export { type AddressKind, addressJudge, type JudgeAddress } from './addresses.ts'
export { checkOptions, LIMIT, LIST, OBJECT, oneOf, type OptionRule, TEXT, WHOLE } from './check-options.ts'
export { type GuardedFetch, guardedFetch } from './guarded-fetch.ts'
export type { GuardedFetchOptions, ResolveName } from './options.ts'
