/** What is no entry of a memory; `now` is the time by its clock. */
export function badEntries(now: number): readonly unknown[] {
  const cyclic: Record<string, unknown> = {}
  cyclic['self'] = cyclic
  const good = { kind: 'fact', text: 'x' }
  return [
    undefined,
    null,
    'text',
    7,
    [],
    {},
    { kind: 'fact' },
    { text: 'x' },
    ...[
      { kind: 'note' },
      { text: 7 },
      { text: null },
      { text: 'x'.repeat(1_048_577) },
      { role: 'robot' },
      { id: '' },
      { id: 7 },
    ].map((bad) => ({ ...good, ...bad })),
    ...[
      { id: 'x'.repeat(10_000) },
      { id: '\ud800' },
      { unknown: 1 },
      { supersedes: '' },
      { source: 'x' },
      { source: { ids: 'x' } },
    ].map((bad) => ({ ...good, ...bad })),
    ...badEnds(now).map((expiresAt) => ({ ...good, expiresAt })),
    { ...good, expiresAt: null },
    ...[Number.NaN, '2020', 1.5, 9e15].map((occurredAt) => ({ ...good, occurredAt })),
    { ...good, validFrom: 5, validTo: 5 },
    ...[...metadataFaults(), { a: cyclic }, new Map([['a', 1]]), () => 1, { a: new Date(Number.NaN) }].map((metadata) => ({
      ...good,
      metadata,
    })),
    ...[cyclic, 10n, new Map(), () => 1, Symbol('x')].map((content) => ({ ...good, content })),
    {
      ...good,
      get text() {
        throw new Error('read')
      },
    },
  ]
}

/** What is no time in the future. */
export function badEnds(now: number): readonly unknown[] {
  return [
    0,
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '1000',
    '',
    2 ** 53,
    2 ** 60,
    9e15,
    1.5,
    now,
    now - 1,
    new Date(),
    true,
    {},
  ]
}

/** What is no metadata. */
export function metadataFaults(): readonly unknown[] {
  const throwing = {
    get a(): string {
      throw new Error('read')
    },
  }
  const nested = [
    { a: {} },
    { a: [] },
    { a: new Map() },
    { a: 10n },
    { a: () => 1 },
    { a: Number.NaN },
    { a: 2 ** 60 },
    { a: '\ud800' },
    { a: 'x'.repeat(10_000) },
  ]
  const names = [
    { '': 1 },
    { 'a b': 1 },
    { "a'b": 1 },
    { 'a"b': 1 },
    { ü: 1 },
    { [`a${'x'.repeat(64)}`]: 1 },
    JSON.parse('{"__proto__": 1}') as object,
  ]
  return ['x', [], 7, throwing, ...nested, ...names, Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`m${at}`, at]))]
}

/** What is no filter. */
export function badFilters(): readonly unknown[] {
  const field = 'metadata.a'
  return [
    null,
    'kind = fact',
    7,
    [],
    {},
    { op: 'eq' },
    { op: 'eq', field },
    { op: 'like', field, value: 'x' },
    { op: 'and' },
    { op: 'and', filters: {} },
    { op: 'or', filters: [null] },
    { op: 'not' },
    { op: 'in', field, values: 'x' },
    { op: 'in', field, values: [{}] },
    { op: 'eq', field: 'unknown', value: 1 },
    { op: 'eq', field: "kind' OR '1'='1", value: 1 },
    { op: 'eq', field: 'metadata.', value: 1 },
    { op: 'eq', field: "metadata.a'b", value: 1 },
    { op: 'eq', field: 'metadata.__proto__', value: 1 },
    { op: 'eq', field: 'constructor', value: 1 },
    { op: 'eq', field: 'tenant', value: 'x' },
    { op: 'eq', field, value: {} },
    { op: 'eq', field, value: Number.NaN },
    { op: 'eq', field, value: 2 ** 60 },
    { op: 'eq', field, value: new Date() },
    { op: 'eq', field: 'kind', value: 1 },
    { op: 'gt', field: 'createdAt', value: '2020-01-01' },
    { op: 'gt', field: 'createdAt', value: new Date() },
    { op: 'gt', field, value: true },
    { op: 'lt', field, value: null },
    { op: 'contains', field, value: 1 },
    { op: 'contains', field: 'seq', value: '1' },
    { op: 'in', field, values: Array.from({ length: 20_000 }, (_, at) => at) },
    { op: 'in', field, values: Array(1) },
    { op: 'in', field, values: [new Date()] },
    { op: 'in', field: 'seq', values: [1, '2'] },
    { op: 'eq', field, value: 10n },
    { op: 'eq', field, value: Number.POSITIVE_INFINITY },
    { op: 'eq', field, value: '\ud800' },
    { op: 'eq', field, value: 'x'.repeat(10_000) },
    { op: 'eq', field: 'kind', value: null },
    { op: 'eq', field: 'metadata', value: 1 },
    { op: 'eq', field: 'metadata.a\\', value: 1 },
    { op: 'eq', field: 'metadata.a -- b', value: 1 },
  ]
}
