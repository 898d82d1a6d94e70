import { createHash } from 'node:crypto'
import {
  OpspawnError,
  canonicalJson,
  toJson,
  type JsonObject,
  type MemoryEntry,
  type MemoryRecord,
  type MemoryScope,
  type OperationOptions,
} from '../core/index.ts'
import { contentHash, entryOf } from './content-hash.ts'
import { checkEntries, checkId, checkTime, MAX_APPEND } from './entry.ts'
import { found, inputInvalid, isObject } from './faults.ts'
import { freezeDeep } from './ledger.ts'
import { SCOPE_LABELS, checkScope } from './scope.ts'

const FORMAT = 'opspawn-memory'
const VERSION = 1
const BATCH = 256
/** Characters of a line: whatever an append takes, and what the memory adds. */
const MAX_LINE = MAX_APPEND + 65_536

/**
 * Writes records as the lines of an export: a header, one line for each, and an end with their count and a hash over all of
 * them. Vectors are not in it: they are made anew where it is imported.
 *
 * @param records by scope (its encoded key), then `seq`.
 */
export async function* exportLines(
  tenant: string,
  records: Iterable<MemoryRecord> | AsyncIterable<MemoryRecord>,
  { embedder, signal }: OperationOptions & { readonly embedder?: string | undefined } = {},
): AsyncGenerator<JsonObject, void, undefined> {
  signal?.throwIfAborted()
  yield { type: 'header', format: FORMAT, version: VERSION, tenant, embedder: embedder ?? null }
  const hash = createHash('sha256')
  let count = 0
  for await (const record of records) {
    signal?.throwIfAborted()
    const line = lineOf(record)
    hash.update(canonicalJson(line)).update('\n')
    count += 1
    yield line
  }
  yield { type: 'end', count, hash: hash.digest('base64url') }
}

/** Members stand in one order, whichever memory the record was in: equal exports are equal as bytes. */
function lineOf(record: MemoryRecord): JsonObject {
  const { scope, id, seq, version, createdAt, contentHash: hash, supersededBy, supersededAt } = record
  const labels = ['tenant' as const, ...SCOPE_LABELS].filter((label) => scope[label] !== undefined)
  const line = {
    type: 'record',
    scope: Object.fromEntries(labels.map((label) => [label, scope[label]])),
    seq,
    id,
    ...entryOf(record),
    createdAt,
    version,
    contentHash: hash,
    ...(supersededBy !== undefined && { supersededBy }),
    ...(supersededAt !== undefined && { supersededAt }),
  }
  return line as unknown as JsonObject
}

/**
 * Reads the lines of an export, checks each, and hands the records on in batches.
 *
 * @param take puts records in; gives how many were new. It must pass over those that are there with the same content, and
 * reject with `MEMORY_CONFLICT` where there is other content.
 * @throws OpspawnError `MEMORY_MISMATCH` for a header of another format, `MEMORY_INPUT_INVALID` for damaged lines: what came
 * before stays in.
 */
export async function importLines(
  lines: AsyncIterable<unknown>,
  take: (records: readonly MemoryRecord[]) => Promise<number>,
  { signal }: OperationOptions = {},
): Promise<number> {
  signal?.throwIfAborted()
  const source = Object(lines) as Partial<Readonly<Record<symbol, unknown>>>
  if (source[Symbol.asyncIterator] === undefined && source[Symbol.iterator] === undefined)
    throw inputInvalid('lines', `must be lines that come one by one, not ${found(lines)}`)
  const hash = createHash('sha256')
  let state: 'start' | 'records' | 'end' = 'start'
  let [count, imported, number] = [0, 0, 0]
  let tenant: unknown
  let batch: MemoryRecord[] = []
  const flush = async (): Promise<void> => {
    imported += await take(batch)
    batch = []
  }
  for await (const given of lines) {
    signal?.throwIfAborted()
    number += 1
    const where = `line ${number}`
    const line = readLine(given, where)
    if (state === 'end') throw inputInvalid(where, 'stands behind the end')
    if (state === 'start') {
      tenant = checkHeader(line, where)
      state = 'records'
    } else if (line['type'] === 'end') {
      await flush()
      checkEnd(line, where, count, hash.digest('base64url'))
      state = 'end'
    } else {
      batch.push(readRecordOf(tenant, line, where))
      hash.update(canonicalJson(line)).update('\n')
      count += 1
      if (batch.length >= BATCH) await flush()
    }
  }
  if (state === 'end') return imported
  await flush()
  throw inputInvalid('lines', 'have no end; the export is not whole. Import it again once it is: what is in is passed over')
}

function readLine(given: unknown, where: string): JsonObject {
  const line = toJson(given, { maxSize: MAX_LINE })
  if (isObject(line)) return line as JsonObject
  throw inputInvalid(where, `must be an object, not ${found(line)}`)
}

function readRecordOf(tenant: unknown, line: JsonObject, where: string): MemoryRecord {
  const record = readRecord(line, where)
  if (record.scope.tenant === tenant) return record
  throw inputInvalid(`${where}/scope`, 'is of another tenant than the header')
}

function checkEnd(line: JsonObject, where: string, count: number, hash: string): void {
  if (line['count'] !== count || line['hash'] !== hash)
    throw inputInvalid(where, `does not fit the ${count} records before it; some are missing or changed`)
}

function checkHeader(line: Readonly<Record<string, unknown>>, where: string): unknown {
  if (line['type'] !== 'header' || line['format'] !== FORMAT)
    throw new OpspawnError('MEMORY_MISMATCH', `${where} is no header of an export of a memory`)
  if (line['version'] !== VERSION)
    throw new OpspawnError('MEMORY_MISMATCH', `the export has version ${found(line['version'])}, this memory reads ${VERSION}`)
  return line['tenant']
}

/** Checks a record that comes from outside, and copies it. @throws OpspawnError `MEMORY_INPUT_INVALID` */
export function readRecord(line: Readonly<Record<string, unknown>>, where: string): MemoryRecord {
  if (line['type'] !== 'record') throw inputInvalid(where, `is of type ${found(line['type'])}, not record`)
  const { type: _, scope, seq, createdAt, version, contentHash: hash, supersededBy, supersededAt, ...entry } = line
  const [checked] = checkEntries([entry]) as [MemoryEntry]
  for (const [name, value] of Object.entries({ seq, version }))
    if (!Number.isSafeInteger(value) || (value as number) < 1)
      throw inputInvalid(`${where}/${name}`, `must be a whole number above 0, not ${found(value)}`)
  if (hash !== contentHash(checked)) throw inputInvalid(`${where}/contentHash`, 'does not fit the record; it was changed')
  return freezeDeep({
    ...entryOf(checked),
    id: checkId(checked.id, `${where}/id`),
    scope: readScope(scope, `${where}/scope`),
    seq: seq as number,
    createdAt: checkTime(createdAt, `${where}/createdAt`),
    version: version as number,
    contentHash: hash,
    ...(supersededBy !== undefined && { supersededBy: checkId(supersededBy, `${where}/supersededBy`) }),
    ...(supersededAt !== undefined && { supersededAt: checkTime(supersededAt, `${where}/supersededAt`) }),
  })
}

function readScope(scope: unknown, where: string): MemoryScope {
  try {
    return checkScope(scope)
  } catch (error) {
    throw inputInvalid(where, error instanceof Error ? `cannot be used: ${error.message}` : 'cannot be used')
  }
}

/** Decides which imported records are new. @throws OpspawnError `MEMORY_CONFLICT` */
export function newAmong(
  records: readonly MemoryRecord[],
  find: (record: MemoryRecord) => MemoryRecord | undefined,
): readonly MemoryRecord[] {
  return records.filter((record) => {
    const present = find(record)
    if (present === undefined) return true
    if (present.contentHash === record.contentHash) return false
    throw new OpspawnError('MEMORY_CONFLICT', `the id ${found(record.id)} is taken by a record of other content`, {
      details: { id: record.id },
    })
  })
}
