/** The variables of a process. */
export type Environment = Readonly<Record<string, string | undefined>>

/** What a process on this system needs to run at all, and what is no secret. */
const INHERITED: readonly string[] =
  process.platform === 'win32'
    ? [
        'APPDATA',
        'COMSPEC',
        'HOMEDRIVE',
        'HOMEPATH',
        'LOCALAPPDATA',
        'PATH',
        'PATHEXT',
        'PROGRAMFILES',
        'SYSTEMROOT',
        'TEMP',
        'USERPROFILE',
      ]
    : ['HOME', 'LANG', 'LOGNAME', 'PATH', 'SHELL', 'TERM', 'TMPDIR', 'USER']

/** Of `environment` the variables that are passed on; `default`: a short list without anything secret. */
export function inherited(which: 'default' | 'none' | readonly string[], environment: Environment): Record<string, string> {
  if (which === 'none') return {}
  const names = which === 'default' ? INHERITED : which
  const found = names.flatMap((name) => {
    const value = environment[name]
    // A value of this form is a function that an old shell has exported, and would be run by another one.
    return value === undefined || value.startsWith('()') ? [] : [[name, value] as const]
  })
  return Object.fromEntries(found)
}

/** A text with the variables that stood in it. */
export interface Resolved {
  readonly text: string
  /** Names that are not set. */
  readonly unset: readonly string[]
  /** Values that were put in. */
  readonly values: readonly string[]
}

const REFERENCE = /\$\{env:([^}]*)\}/g

/** Puts in the value of each `${env:NAME}`, once: what a value holds is not looked at again. */
export function resolved(text: string, environment: Environment): Resolved {
  const unset: string[] = []
  const values: string[] = []
  const result = text.replace(REFERENCE, (_, name: string) => {
    const value = Object.hasOwn(environment, name) ? environment[name] : undefined
    if (value === undefined) unset.push(name)
    else values.push(value)
    return value ?? ''
  })
  return { text: result, unset, values }
}
