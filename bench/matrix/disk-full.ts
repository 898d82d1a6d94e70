import { spawnSync } from 'node:child_process'

/** Lets no file grow any more, as on a full disk, until what comes back is called. Linux only: it changes a limit of this process. */
export function fillDisk(): () => void {
  limit('0')
  return () => limit('unlimited')
}

function limit(bytes: string): void {
  const { status, error, stderr } = spawnSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:unlimited`])
  if (status !== 0) throw new Error(`prlimit failed: ${error?.message ?? String(stderr)}`)
}
