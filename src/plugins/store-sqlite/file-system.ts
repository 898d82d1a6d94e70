import { statfsSync } from 'node:fs'
import { storeFailed } from './failures.ts'

/** Types that Linux gives for file systems whose locks another machine may not see, or that lose what was synced. */
const NETWORK: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x01021997, '9P'],
  [0x5346414f, 'AFS'],
  [0x00c36400, 'Ceph'],
  [0x65735546, 'FUSE'],
])

/**
 * Refuses a folder on a network file system. A FUSE file system may be a local one; which it is cannot be told.
 *
 * @throws OpspawnError `STORE_FAILED`
 */
export function requireLocalFolder(folder: string, typeOf: (folder: string) => number = fileSystemType): void {
  const name = NETWORK.get(typeOf(folder) >>> 0)
  if (name === undefined) return
  throw storeFailed(
    'network-file-system',
    `${folder} is on a network file system (${name}), where locks and syncs do not hold what SQLite needs: ` +
      'give a path on a local disk, or set anyFileSystem if you know that this one is local',
    { retryable: false },
  )
}

/** Only on Linux do these numbers mean what the table says. */
function fileSystemType(folder: string): number {
  return process.platform === 'linux' ? statfsSync(folder).type : 0
}
