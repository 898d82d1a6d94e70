import { contenders, type ContenderName } from './contenders/contender.ts'
import { median, spread } from './statistics.ts'

/** The rows, in order. `aim` is the budget that the project's design sets for opspawn. */
const rows: Readonly<Record<string, { readonly label: string; readonly aim: string }>> = {
  'loop-10': { label: 'run of 10 tool calls, µs per step', aim: 'floor + 8' },
  'loop-100': { label: 'run of 100 tool calls, µs per step', aim: 'floor + 8' },
  'loop-history': { label: '10 calls after 1,000 messages, µs per step', aim: 'floor + 10' },
  'workflow-linear': { label: 'workflow, 10 steps in line, µs per step', aim: '6' },
  'workflow-fan': { label: 'workflow, fan-out of 100, µs per step', aim: '8' },
  stream: { label: '1,000 text deltas, µs per delta', aim: '0.8' },
  alloc: { label: 'allocated by a run of 10 calls, KiB', aim: '150' },
  'concurrent-warm': { label: '1,000 runs at once, s', aim: '0.25' },
  concurrent: { label: '  the first time in a process, s', aim: '' },
  memory: { label: '1,000 runs at once, peak memory in MiB', aim: '150' },
  import: { label: 'cold import, ms above an empty process', aim: '30' },
  'import-other': { label: 'import of another entry, ms [1]', aim: '5' },
  'durable-20': { label: '20 durable runs at once, µs per step', aim: '100' },
  'durable-run': { label: 'durable run of 11 steps, p50 in ms', aim: '1.5 × floor' },
  'durable-run-p99': { label: 'durable run of 11 steps, p99 in ms', aim: '' },
  'recovery-p50': { label: 'kill -9 to resumed, p50 in ms', aim: '' },
  'recovery-p99': { label: 'kill -9 to resumed, p99 in ms', aim: '2,000' },
  'crowded-claim': { label: 'claim beside 100,000 finished runs, µs (floor: in an empty file)', aim: '' },
  'crowded-list': { label: 'list of 50 runs beside 100,000 finished ones, µs (the same)', aim: '' },
  'crowded-open': { label: 'list of unfinished runs beside 100,000 finished ones, µs (the same)', aim: '' },
  'crowded-sweep': { label: 'sweep beside 100,000 finished runs, µs (the same)', aim: '' },
  'mcp-p50': { label: 'call of an MCP tool above the client library alone, p50 in ms', aim: '0.1' },
  'mcp-p99': { label: 'call of an MCP tool above the client library alone, p99 in ms', aim: '1' },
  'mcp-bare-p50': { label: '  the client library alone, p50 in ms', aim: '' },
  'mcp-left': { label: 'handles left by 1,000 MCP connections, opened and closed', aim: '0' },
  'waiting-heap': { label: '10,000 waiting runs, KiB of heap for each', aim: '0' },
  'waiting-rss': { label: '10,000 waiting runs, MiB of the process above its start', aim: '' },
  'delay-p50': { label: 'a wait of up to 1 s ends too late by, p50 in ms', aim: '' },
  'delay-p99': { label: 'a wait of up to 1 s ends too late by, p99 in ms', aim: '250' },
  'recall-vector': { label: 'recall of 10,000 × 384 numbers with words and a filter, p50 in ms (floor: a loop)', aim: '4.5' },
  'recall-words': { label: 'recall of 10,000 texts by words, p50 in ms (floor: MiniSearch)', aim: '1.5' },
  'remember-bulk': { label: '10,000 records appended at once, s (floor: MiniSearch)', aim: '0.35' },
  'lance-hybrid': {
    label: 'LanceDB, 10,000 × 384: recall by words and vectors, p50 in ms (floor: LanceDB itself)',
    aim: '1.15 × floor',
  },
  'lance-hybrid-apart': { label: '  beside LanceDB, folded and asked for one tenant', aim: '' },
  'lance-bulk': { label: 'LanceDB, 10,000 records taken in, s (floor: rows added)', aim: '0.35' },
  'lance-appends': { label: 'LanceDB, 1,000 single appends, 16 in flight, rows per s', aim: '5,000' },
  'lance-files': { label: '  files afterwards', aim: '100' },
  'lance-bytes': { label: '  bytes, × payload', aim: '3' },
  'lance-after': { label: '  search by vector right afterwards, p50 in ms', aim: '5' },
  'lance-files-kept': { label: '  files after upkeep (floor: optimize)', aim: '' },
  'lance-bytes-kept': { label: '  bytes after upkeep, × payload', aim: '' },
  'lance-insert': { label: 'LanceDB, 100,000 × 384 of 1,000 tenants: taken in, s', aim: '' },
  'lance-filled': { label: '  memory of the process then, MiB', aim: '' },
  'lance-unkept': { label: '  recall of one tenant before upkeep, p50 in ms', aim: '' },
  'lance-unkept-p99': { label: '  the same, p99', aim: '' },
  'lance-maintain': { label: '  upkeep, s', aim: '' },
  'lance-during': { label: '  recall of one tenant during upkeep, p50 in ms', aim: '' },
  'lance-during-p99': { label: '  the same, p99', aim: '' },
  'lance-tenant': { label: '  recall of one tenant, p50 in ms (floor: with an index of tenants)', aim: '4.5' },
  'lance-disk': { label: '  bytes on disk, × vectors', aim: '' },
  'lance-rss': { label: '  memory of the process, MiB', aim: '' },
  'lance-peak': { label: '  the most that it ever had, MiB (with the floor in the same process)', aim: '' },
  'lance-10000-found': {
    label: 'LanceDB, 10,000 vectors in heaps: share of the ten nearest found (floor: its default index)',
    aim: '0.99',
  },
  'lance-10000-time': { label: '  p50 in ms', aim: '9' },
  'lance-100000-found': { label: 'LanceDB, 100,000 vectors in heaps: the same', aim: '0.95' },
  'lance-100000-time': { label: '  p50 in ms', aim: '6' },
  'lance-random-found': { label: 'LanceDB, 10,000 vectors anywhere: the same', aim: '1' },
  'lance-random-time': { label: '  p50 in ms', aim: '9' },
  'lance-erase': { label: 'LanceDB, erasing 10 of 10,000 records, s (floor: delete and optimize, not verified)', aim: '2' },
  packages: { label: 'clean install, packages', aim: '12' },
  megabytes: { label: 'clean install, MB', aim: '20' },
}

export type Results = Map<string, Map<ContenderName, number[]>>

/** One Markdown table: per measure the figures, then the same as ratios to the floor, to the best peer and to opspawn. */
export function renderTable(results: Results, names: readonly ContenderName[]): string {
  const lines: string[][] = [['', ...names.map((name) => contenders[name].title), 'aim']]
  for (const [row, { label, aim }] of Object.entries(rows)) {
    const measured = results.get(row)
    if (measured === undefined || measured.size === 0) continue
    const middles = new Map([...measured].map(([name, values]) => [name, median(values)]))
    lines.push([label, ...names.map((name) => figure(measured.get(name))), aim])
    const best = bestPeer(middles)
    const bases: [string, number | undefined][] = [
      ['× floor', middles.get('floor')],
      [best === undefined ? '' : `× best peer (${contenders[best].title})`, best === undefined ? undefined : middles.get(best)],
      ['× opspawn', middles.get('opspawn')],
    ]
    for (const [title, base] of bases) {
      if (base !== undefined && base > 0) lines.push([`  ${title}`, ...names.map((name) => ratio(middles.get(name), base)), ''])
    }
  }
  return align(lines)
}

function bestPeer(middles: ReadonlyMap<ContenderName, number>): ContenderName | undefined {
  const peers = [...middles].filter(([name]) => name !== 'floor' && name !== 'opspawn')
  return peers.toSorted(([, a], [, b]) => a - b)[0]?.[0]
}

function figure(values: readonly number[] | undefined): string {
  if (values === undefined) return '–'
  const middle = digits(median(values))
  return values.length < 2 ? middle : `${middle} ±${Math.round(spread(values))}%`
}

const ratio = (value: number | undefined, base: number): string => (value === undefined ? '' : digits(value / base))

const digits = (value: number): string =>
  Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(2)))

function align(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(3, ...lines.map((line) => line[column]?.length ?? 0)))
  const text = lines.map((line) =>
    line.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))),
  )
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [text[0] ?? [], rule, ...text.slice(1)].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
