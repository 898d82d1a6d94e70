/** Where a store of one check lives, and what it embeds with. */
export interface Place {
  /** A new, empty folder; contenders that keep nothing on a disk leave it empty. */
  readonly folder: string
  /** Gives the vector of a text, four numbers; a check may give something else on purpose. */
  readonly embed: (text: string) => readonly number[]
}

/** What a check writes. `note` is a field that filters may name. */
export interface Entry {
  readonly id: string
  readonly text: string
  readonly note?: string
}

/** A contender's store through its own documented calls; what it has no call for is absent. */
export interface Store {
  /** Writes an entry of a tenant; one of that id takes the place of the one that is there, where ids are the caller's. */
  put(tenant: string, entry: Entry): Promise<void>
  /** The texts that a tenant is shown by listing, and by searching where there is a search: each once. */
  seen(tenant: string): Promise<readonly string[]>
  /** The texts of a tenant whose note is this one, by the contender's own filter. */
  withNote?(tenant: string, note: string): Promise<readonly string[]>
  /** Removes all of a tenant. */
  clear?(tenant: string): Promise<void>
  /** Removes one entry as thoroughly as the contender's pages tell. */
  erase?(tenant: string, id: string): Promise<void>
  /** Adds a text to a thread. */
  append?(tenant: string, thread: string, text: string): Promise<void>
  /** The texts of a thread. */
  thread?(tenant: string, thread: string): Promise<readonly string[]>
  /** Makes the storage below fail every write, until what comes back is called. */
  breakStorage?(): () => void
  close(): Promise<void>
}

/** One column of the matrix. */
export interface Contender {
  /** Ours must hold everything. */
  readonly isOurs: boolean
  /** Packages whose versions are printed. */
  readonly packages: readonly string[]
  /** What was configured, for the reader. */
  readonly configured: string
  /** Where what was written can be looked for byte by byte. */
  readonly keepsIn: readonly ('folder' | 'heap')[]
  readonly hasVectors: boolean
  /** Whether the caller may choose ids, without which there is no upsert. */
  readonly hasOwnIds: boolean
  open(place: Place): Promise<Store>
  /** One store for each name, as separate as the contender's namespaces are, over one storage. */
  openSpaces(place: Place, names: readonly string[]): Promise<readonly Store[]>
}

/** What a check saw. `none`: the contender has nothing that the check could be about. */
export interface Finding {
  readonly verdict: 'holds' | 'fails' | 'none'
  /** In a few words. */
  readonly seen: string
}

export const holds = (seen: string): Finding => ({ verdict: 'holds', seen })
export const fails = (seen: string): Finding => ({ verdict: 'fails', seen })
export const none = (seen: string): Finding => ({ verdict: 'none', seen })

/** A row of the matrix: the same steps for every contender. */
export interface Check {
  readonly title: string
  run(contender: Contender, place: Place): Promise<Finding>
}
