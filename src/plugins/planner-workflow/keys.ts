/** The key of an effect: the task, the item of a `forEach`, the attempt where it is not the first, and whether it waits for one. */
export interface EffectKey {
  readonly task: string
  readonly item: number | undefined
  readonly attempt: number
  /** The wait before the attempt. */
  readonly isPause: boolean
}

/** Writes a key: `read`, `read[3]`, `read[3]#2`, and `read[3]~2` for the wait before it. */
export function effectKey(task: string, item: number | undefined, attempt = 1, isPause = false): string {
  const place = item === undefined ? task : `${task}[${item}]`
  return attempt === 1 ? place : `${place}${isPause ? '~' : '#'}${attempt}`
}

/** Reads a key. Names of tasks have none of its signs. */
export function readKey(key: string): EffectKey | undefined {
  const match = /^([^[#~]+)(?:\[(\d+)\])?(?:([#~])(\d+))?$/.exec(key)
  if (match === null) return undefined
  const [, task = '', item, sign, attempt] = match
  return {
    task,
    item: item === undefined ? undefined : Number(item),
    attempt: attempt === undefined ? 1 : Number(attempt),
    isPause: sign === '~',
  }
}
