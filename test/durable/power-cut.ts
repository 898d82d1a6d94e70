// What was on the disk when the power went: played from the log that `power-cut.c` makes of a process.
import { basename } from 'node:path'

/** One step of the process that was watched. */
export interface Step {
  /** `w`: bytes were written to a file. `t`: it was cut to `offset` bytes. `s`: it was synced. `u`: it was removed. `o`: a line was said. */
  readonly what: string
  /** Name of the file, without its folder. */
  readonly file: string
  readonly offset: number
  readonly bytes: Buffer
}

/** Reads a log. */
export function stepsOf(log: Buffer): readonly Step[] {
  const steps: Step[] = []
  for (let at = 0; at < log.length;) {
    const what = String.fromCharCode(log[at] ?? 0)
    const [nameLength = 0, length = 0, offset = 0] = [1, 9, 17].map((head) => Number(log.readBigUInt64LE(at + head)))
    at += 25
    const file = basename(log.toString('utf8', at, at + nameLength))
    at += nameLength
    const held = what === 'w' || what === 'o' ? length : 0
    steps.push({ what, file, offset, bytes: log.subarray(at, at + held) })
    at += held
  }
  return steps
}

/** What a disk writes at once, in bytes. */
const SECTOR = 512

/** The files of a folder on a disk that keeps what was synced, and of the rest what it likes. */
export class Disk {
  readonly #synced = new Map<string, Buffer>()
  readonly #pending = new Map<string, Step[]>()

  take(step: Step): void {
    const { what, file } = step
    if (what === 'w' || what === 't') this.#pendingOf(file).push(step)
    if (what === 's') {
      this.#synced.set(
        file,
        played(this.#synced.get(file), this.#pendingOf(file), () => true),
      )
      this.#pending.delete(file)
    }
    if (what !== 'u') return
    this.#synced.delete(file)
    this.#pending.delete(file)
  }

  /** The files after a loss of power: of what was not synced each sector is there or not. @param keeps whether one is */
  afterPowerCut(keeps: () => boolean): ReadonlyMap<string, Buffer> {
    const names = new Set([...this.#synced.keys(), ...this.#pending.keys()])
    return new Map([...names].map((name) => [name, played(this.#synced.get(name), this.#pending.get(name) ?? [], keeps)]))
  }

  #pendingOf(file: string): Step[] {
    const steps = this.#pending.get(file) ?? []
    this.#pending.set(file, steps)
    return steps
  }
}

function played(before: Buffer = Buffer.alloc(0), steps: readonly Step[], keeps: () => boolean): Buffer {
  let length = before.length
  let file = Buffer.from(before)
  const reach = (end: number): void => {
    if (end > file.length) file = Buffer.concat([file], Math.max(end, 2 * file.length))
    length = Math.max(length, end)
  }
  for (const { what, offset, bytes } of steps) {
    if (what === 't') {
      if (!keeps()) continue
      reach(offset)
      file.fill(0, offset)
      length = offset
      continue
    }
    for (let from = 0, to = 0; from < bytes.length; from = to) {
      // Sectors lie in the file where the disk has them.
      to = Math.min(bytes.length, from + SECTOR - ((offset + from) % SECTOR))
      if (!keeps()) continue
      reach(offset + to)
      bytes.copy(file, offset + from, from, to)
    }
  }
  return file.subarray(0, length)
}
