/** What the planners share: reading a model's answer, asking once more, the plainest decisions, checking options. Pure; imports core alone. */
export { askAgain, outputFormat, readOutput, stopFault, wantsJson } from './answer.ts'
export { boundText } from './bound-text.ts'
export { ABOVE_0, COUNT, FLAG, LIST, OBJECT, TEXT, checkOptions, oneOf, type OptionRule } from './check-options.ts'
export { act, fail, failedWith, isHandoff } from './decision.ts'
export { readJson } from './json-text.ts'
export { modelPlanner } from './model-planner.ts'
export { type ModelRecord, isModel, isRepair, lastModel } from './model-record.ts'
