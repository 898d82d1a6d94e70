import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The environment in which the tools of the configuration note what they do. */
export const notesIn = (cwd: string): { readonly NOTES: string } => ({ NOTES: join(cwd, 'notes') })
/** How often a word was noted. */
export const count = (cwd: string, word: string): number =>
  existsSync(join(cwd, 'notes')) ? readFileSync(join(cwd, 'notes'), 'utf8').split(`${word}\n`).length - 1 : 0
