/** What a watched call gave, and the clocks, random sources and I/O that it touched meanwhile. */
export interface Watched<T> {
  readonly value: T
  readonly touched: readonly string[]
  /** It took longer than one turn of the event loop, as timers, I/O and the first loading of a module do. */
  readonly late: boolean
}

/**
 * Runs a function while the ambient clocks, random sources, timers and `fetch` are watched, and puts everything back
 * whatever happens. Only `fetch` is stopped; the others work on, so that the watching changes nothing.
 *
 * A promise that has not settled after one turn of the event loop is late, and no longer watched from then on, since
 * others would be seen too. A function that took hold of `Date.now` and the like before is not seen.
 */
export async function watchAmbient<T>(run: () => T | Promise<T>): Promise<Watched<T>> {
  const touched: string[] = []
  const nextTurn = globalThis.setTimeout
  const restore = setTraps((what) => touched.push(what))
  try {
    const result = run()
    if (!isPromise(result)) return { value: result, touched, late: false }
    const late = new Promise<typeof LATE>((resolve) => {
      nextTurn(() => resolve(LATE), 0)
    })
    const value = await Promise.race([result, late])
    if (value !== LATE) return { value: value as T, touched, late: false }
    restore()
    return { value: await result, touched, late: true }
  } finally {
    restore()
  }
}

const LATE: unique symbol = Symbol('late')

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}

type Report = (what: string) => void
type Host = Record<string, unknown>

const FUNCTIONS: readonly (readonly [path: string, name: string])[] = [
  ['Date', 'now'],
  ['Math', 'random'],
  ['performance', 'now'],
  ['crypto', 'randomUUID'],
  ['crypto', 'getRandomValues'],
  ['process', 'hrtime'],
  ['process', 'nextTick'],
  ['', 'fetch'],
  ['', 'setTimeout'],
  ['', 'setInterval'],
  ['', 'setImmediate'],
  ['', 'queueMicrotask'],
]

function setTraps(report: Report): () => void {
  const undo: (() => void)[] = []
  for (const [path, name] of FUNCTIONS) {
    const host = (path === '' ? globalThis : (globalThis as Host)[path]) as Host | undefined
    const real = host?.[name]
    if (host === undefined || typeof real !== 'function') continue
    const what = path === '' ? name : `${path}.${name}`
    undo.push(replace(host, name, trap(host, real as (...args: unknown[]) => unknown, what, report)))
  }
  undo.push(replace(globalThis as Host, 'Date', watchedDate(report)))
  let done = false
  return () => {
    if (done) return
    done = true
    for (const step of undo.toReversed()) step()
  }
}

function trap(host: Host, real: (...args: unknown[]) => unknown, what: string, report: Report): (...args: unknown[]) => unknown {
  const watched = (...args: unknown[]): unknown => {
    report(what)
    if (what === 'fetch') throw new Error('a planner must not fetch')
    return real.apply(host === globalThis ? undefined : host, args)
  }
  // Members such as process.hrtime.bigint stay.
  return Object.assign(watched, real)
}

/** A Date that reports when it is asked for the present; `new Date(time)` is no clock. */
function watchedDate(report: Report): DateConstructor {
  return new Proxy(Date, {
    construct(target, args: unknown[], newTarget) {
      if (args.length === 0) report('new Date()')
      return Reflect.construct(target, args, newTarget) as Date
    },
    apply(target, self, args: unknown[]) {
      report('Date()')
      return Reflect.apply(target as unknown as (...all: unknown[]) => unknown, self, args)
    },
  })
}

function replace(host: Host, name: string, value: unknown): () => void {
  const own = Object.getOwnPropertyDescriptor(host, name)
  Object.defineProperty(host, name, { value, configurable: true, writable: true, enumerable: own?.enumerable ?? false })
  return () => {
    if (own === undefined) delete host[name]
    else Object.defineProperty(host, name, own)
  }
}
