import type { EffectRecord, Json, RunView } from '../../core/index.ts'

/** The keys of the effects that a planner asks for because of a memory. Its own never begin like them. */
export const KEYS = {
  recall: 'memory-recall',
  working: 'memory-working',
  summary: 'memory-summary',
  summarize: 'memory-summarize',
  compact: 'memory-compact',
  turn: 'memory-turn-',
} as const

/** Metadata field that says what a record is for: `working` or `summary`. Ordinary records do not have it. */
export const FORM_FIELD = 'opspawn.form'
/** Metadata field of a working memory: `agent` where one document serves all sessions. */
export const LEVEL_FIELD = 'opspawn.level'

/** Whether an effect was asked for because of a memory. */
export function isMemoryStep({ effect }: EffectRecord): boolean {
  return effect.key.startsWith('memory-')
}

/** Whether an effect keeps what was said in the run. */
export function isTurn({ effect }: EffectRecord): boolean {
  return effect.key.startsWith(KEYS.turn)
}

/** What an effect gave, if it was asked for and completed. */
export function valueAt(run: RunView, key: string): Json | undefined {
  const outcome = run.effects.get(key)?.outcome
  return outcome?.status === 'completed' ? outcome.value : undefined
}

/** The id under which a run keeps its input. */
export function inputId(runId: string): string {
  return `${runId}.user`
}

/** The ids under which a run keeps its answers: one, and another one for each that was refused before it. */
export function answerId(runId: string, refused: number): string {
  return refused === 0 ? `${runId}.assistant` : `${runId}.assistant.${refused}`
}
