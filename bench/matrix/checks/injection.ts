import { fails, holds, type Check, type Store } from '../contender.ts'

const PAYLOADS = [
  "x' OR '1'='1",
  "x' OR 1=1 --",
  "x' OR tenant IS NOT NULL OR 'a'='b",
  "' OR ''='",
  "x\\' OR '1'='1",
  "x'; DELETE FROM entries; --",
  "x') OR ('1'='1",
  'x" OR "1"="1',
  "x' /* */ OR true OR '",
  "O'Brien",
  '*',
  '%',
  '_',
  '{"$ne":null}',
  '$ne',
  '.*',
  '[object Object]',
  '@user_id:{*}',
  'null',
  '__proto__',
] as const

/** Hostile texts as tenant and, where there are filters, as the value of one: nobody else's entries are read or removed. */
export const injection: Check = {
  title: 'hostile texts as tenant or filter value mean themselves',
  async run(contender, place) {
    const store = await contender.open(place)
    for (const id of ['1', '2', '3']) await store.put('bystander', { id, text: `entry ${id}`, note: 'safe' })
    await store.put('host', { id: 'other', text: 'entry other', note: 'safe' })
    const problems = new Map<string, string[]>()
    for (const payload of PAYLOADS)
      for (const problem of await attack(store, payload)) problems.set(problem, [...(problems.get(problem) ?? []), payload])
    await store.close()
    if (problems.size === 0) return holds('')
    const told = [...problems].map(([problem, by]) => `${problem} (${by.length} of ${PAYLOADS.length}, as ${by[0]})`)
    return fails(told.join('; '))
  },
}

/** A refusal with an error is no problem, but for reading what was written. */
async function attack(store: Store, payload: string): Promise<readonly string[]> {
  const problems: string[] = []
  const seen = (await store.seen(payload).catch(() => undefined)) ?? []
  if (seen.length > 0) problems.push('reads other tenants')
  if (store.withNote !== undefined) {
    const text = `entry with ${payload}`
    await store.put('host', { id: payload, text, note: payload })
    const found = await store.withNote('host', payload).catch(() => undefined)
    if (found === undefined) problems.push('its own note cannot be looked for')
    else if (found.some((one) => one !== text)) problems.push('the filter finds other notes')
    else if (found.length === 0) problems.push('the filter does not find its note')
  }
  if (store.clear === undefined) return problems
  await store.clear(payload).catch(() => undefined)
  if ((await store.seen('bystander')).length < 3) {
    problems.push('removes other tenants')
    for (const id of ['1', '2', '3']) await store.put('bystander', { id, text: `entry ${id}`, note: 'safe' })
    await store.put('host', { id: 'other', text: 'entry other', note: 'safe' })
  }
  return problems
}
