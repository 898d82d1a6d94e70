import { fails, holds, none, type Check, type Contender, type Finding, type Place, type Store } from '../contender.ts'

const ALIKE = ['t1', 't10', 't', '*', 't1 '] as const

/** An entry in each of five tenants with names alike: each sees its own alone, and removing all of `t1` removes no other. */
export const tenants: Check = {
  title: 'tenants t1, t10, t, *, "t1 " see their own only',
  async run(contender, place) {
    const store = await contender.open(place)
    const refused = await putEach(store, ALIKE)
    const written = ALIKE.filter((tenant) => !refused.includes(tenant))
    const leaks = (await Promise.all(ALIKE.map((tenant) => leakOf(store, tenant, written)))).filter((leak) => leak !== '')
    if (store.clear !== undefined) {
      await store.clear('t1')
      for (const tenant of written.filter((other) => other !== 't1'))
        if (!(await store.seen(tenant)).includes(secret(tenant))) leaks.push(`clearing "t1" emptied "${tenant}"`)
    }
    await store.close()
    if (leaks.length > 0) return fails(leaks.join('; '))
    return holds(refused.length === 0 ? '' : `refuses ${refused.map((tenant) => `"${tenant}"`).join(', ')}`)
  },
}

/** All of a tenant named like a wildcard, or like nothing, is removed: others stay. */
export const wildcards: Check = {
  title: 'removing all of "*", "%" or "" removes no one else',
  async run(contender, place) {
    const store = await contender.open(place)
    if (store.clear === undefined) return none('no call')
    await putEach(store, ['ada', 'bob'])
    for (const tenant of ['*', '%', '']) {
      await store.clear(tenant).catch(() => undefined)
      const left = (await Promise.all(['ada', 'bob'].map((one) => store.seen(one)))).flat()
      if (left.length !== 2) return fails(`removing "${tenant}" left ${left.length} of 2 entries of others`)
    }
    await store.close()
    return holds('')
  },
}

/** Two namespaces over one storage, the second named as the first and a separator: no reads across, and clearing one leaves the other. */
export const spaces: Check = {
  title: 'two namespaces over one storage do not meet',
  async run(contender, place) {
    const problems: string[] = []
    const refused: string[] = []
    for (const [at, names] of [
      ['a', 'b'],
      ['a', 'a:b'],
    ].entries()) {
      const found = await meet(contender, { ...place, folder: `${place.folder}/${at}` }, names)
      if (found.verdict === 'fails') problems.push(`"${names.join('", "')}": ${found.seen}`)
      else if (found.seen !== '') refused.push(`refuses "${names.join('", "')}"`)
    }
    return problems.length === 0 ? holds(refused.join('; ')) : fails(problems.join('; '))
  },
}

async function meet(contender: Contender, place: Place, names: readonly string[]): Promise<Finding> {
  let opened: readonly Store[]
  try {
    opened = await contender.openSpaces(place, names)
  } catch {
    return holds('refused')
  }
  const [first, second] = opened as [Store, Store]
  // The second pair reads the same when joined: a + b:k, and a:b + k.
  for (const [id, other] of [
    ['same', 'same'],
    ['b:k', 'k'],
  ] as const) {
    await first.put('t', { id, text: `first ${id}` })
    await second.put('t', { id: other, text: `second ${other}` })
  }
  const problems: string[] = []
  const seen = [await first.seen('t'), await second.seen('t')]
  if (seen[0]?.some((text) => text.startsWith('second'))) problems.push('the first reads the second')
  if (seen[1]?.some((text) => text.startsWith('first'))) problems.push('the second reads the first')
  if (seen.some((texts) => texts.length < 2)) problems.push('one overwrote the other')
  if (first.clear !== undefined) {
    await first.clear('t')
    if ((await second.seen('t')).length === 0) problems.push('clearing the first emptied the second')
  }
  for (const store of opened) await store.close()
  return problems.length === 0 ? holds('') : fails(problems.join(', '))
}

const secret = (tenant: string): string => `entry of "${tenant}"`

/** Gives the tenants whose entry was refused with an error. */
async function putEach(store: Store, names: readonly string[]): Promise<string[]> {
  const refused: string[] = []
  for (const tenant of names) await store.put(tenant, { id: 'own', text: secret(tenant) }).catch(() => void refused.push(tenant))
  return refused
}

async function leakOf(store: Store, tenant: string, written: readonly string[]): Promise<string> {
  const texts = await store.seen(tenant).catch(() => undefined)
  if (texts === undefined) return written.includes(tenant) ? `"${tenant}" cannot be read` : ''
  const foreign = texts.filter((text) => text !== secret(tenant)).map((text) => text.slice('entry of '.length))
  if (foreign.length > 0) return `"${tenant}" sees ${foreign.join(', ')}`
  return written.includes(tenant) && texts.length === 0 ? `"${tenant}" does not see its own` : ''
}
