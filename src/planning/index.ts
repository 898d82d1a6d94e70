/** What the planners share: reading a model's answer, asking once more, checking options. Pure; imports core alone. */
export { askAgain, fail, outputFormat, readOutput, stopFault, wantsJson } from './answer.ts'
export { boundText } from './bound-text.ts'
export { ABOVE_0, COUNT, FLAG, LIST, OBJECT, TEXT, checkOptions, oneOf, type OptionRule } from './check-options.ts'
export { durationMs } from './duration.ts'
export { readJson } from './json-text.ts'
export { type ModelRecord, isModel, lastModel } from './model-record.ts'
export { seededFraction } from './seeded.ts'
