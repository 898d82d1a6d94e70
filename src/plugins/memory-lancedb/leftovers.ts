import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { RecordTable } from './table.ts'

const PIECE = 4_194_304

/**
 * Looks whether anything of removed rows is left in a folder: a version before the last, rows that are only marked as deleted, files
 * that belong to no version, an old index, or one of the texts. Gives what it found.
 */
export async function leftovers(table: RecordTable, folder: string, texts: readonly string[]): Promise<string | undefined> {
  const versions = await table.ask('read', (inner) => inner.listVersions())
  if (versions.length !== 1) return `${versions.length} versions`
  const about = versions[0]?.metadata ?? {}
  if (about['total_deletion_files'] !== '0') return 'rows that are only marked as deleted'
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((file) => file.isFile())
  const data = files.filter((file) => file.name.endsWith('.lance') && file.parentPath.endsWith('data'))
  if (String(data.length) !== about['total_data_files']) return 'files of data that are of no version'
  const used = new Set((await table.ask('read', (inner) => inner.listIndices())).map((index) => index.indexUuid))
  const indexes = await readdir(join(folder, 'records.lance', '_indices')).catch(() => [])
  if (indexes.some((name) => !used.has(name))) return 'an old index'
  // To close a file is to let go of the process's own locks on it; those of locks are empty.
  const others = files.filter((file) => !file.name.endsWith('.lock'))
  for (const file of others) if (await holdsAny(join(file.parentPath, file.name), texts)) return `a text in ${file.name}`
  return undefined
}

/** Whether a file has one of some texts in it, as they are. */
async function holdsAny(path: string, texts: readonly string[]): Promise<boolean> {
  const wanted = texts.map((text) => Buffer.from(text))
  const overlap = Math.max(0, ...wanted.map((bytes) => bytes.length))
  if (wanted.length === 0) return false
  const file = await open(path)
  try {
    const buffer = Buffer.alloc(PIECE + overlap)
    let kept = 0
    for (;;) {
      const { bytesRead } = await file.read(buffer, kept, PIECE)
      if (bytesRead === 0) return false
      const piece = buffer.subarray(0, kept + bytesRead)
      if (wanted.some((bytes) => piece.includes(bytes))) return true
      kept = Math.min(overlap, piece.length)
      piece.copyWithin(0, piece.length - kept)
    }
  } finally {
    await file.close()
  }
}
