import { setTimeout as delay } from 'node:timers/promises'
import { OpspawnError } from '../../../core/index.ts'
import { lineReader, tailKeeper, type Line } from './lines.ts'
import { startGroup, type ProcessGroup } from './process-group.ts'
import { idAtTheEnds, type WireFailures, type WireId, type WireMessage } from './wire-failures.ts'

/**
 * One process, spoken to in lines of JSON. Has the form that both MCP libraries ask of a transport; `stderr` and `pid` are
 * how the newer one recognises that it is a local pipe.
 */
export interface StdioTransport {
  onmessage?: ((message: never) => void) | undefined
  onclose?: (() => void) | undefined
  onerror?: ((error: Error) => void) | undefined
  readonly stderr: null
  readonly pid: number | null
  /** As it was agreed on. */
  protocolVersion: string | undefined
  setProtocolVersion(version: string): void
  /** @throws OpspawnError `TOOL_UNAVAILABLE` when the program cannot be started */
  start(): Promise<void>
  /** @throws OpspawnError `TOOL_UNAVAILABLE` when nothing of the message can have left */
  send(message: WireMessage): Promise<void>
  /** Ends the process and all that it started. */
  close(): Promise<void>
  /** How the process ended, if it did, and the last of what it wrote to its standard error. For messages. */
  lastWords(): string
}

/** What a transport is made with. */
export interface StdioTransportOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string | undefined
  readonly maxMessageBytes: number
  readonly failures: WireFailures
  /** Default 1,500: a server that ignores everything is gone after twice that. */
  readonly graceMs?: number | undefined
}

const STDERR_BYTES = 8_192
const SHOWN_STDERR = 1_000

/** A transport for one use. Starts nothing yet. */
export function stdioTransport(options: StdioTransportOptions): StdioTransport {
  const { command, maxMessageBytes } = options
  const stderr = tailKeeper(STDERR_BYTES)
  const waiting = new Set<WireId>()
  let group: ProcessGroup | undefined
  let ended: string | undefined
  let isClosed = false

  const closed = (): void => {
    if (isClosed) return
    isClosed = true
    transport.onclose?.()
  }

  const transport: StdioTransport = {
    stderr: null,
    protocolVersion: undefined,
    setProtocolVersion: (version) => void (transport.protocolVersion = version),
    get pid() {
      return group?.pid ?? null
    },
    async start() {
      try {
        group = await startGroup({ ...options, graceMs: options.graceMs ?? 1_500 })
      } catch (error) {
        throw notStarted(command, error)
      }
      group.stderr.on('data', stderr.add)
      group.stdout.on(
        'data',
        lineReader(
          maxMessageBytes,
          receiver(() => transport, options, waiting),
        ),
      )
      const { exited } = group
      group.stdout.on('close', () => void withinReason(exited).then(closed))
      void group.exited.then((how) => {
        ended = how
        // What the program started must not outlive it.
        void transport.close()
      })
    },
    async send(message) {
      const { id } = message
      if (group === undefined || isClosed || !group.stdin.writable) {
        throw notSent(transport.lastWords())
      }
      if (message['method'] !== undefined && (typeof id === 'number' || typeof id === 'string')) waiting.add(id)
      await write(group, `${JSON.stringify(message)}\n`)
    },
    async close() {
      await group?.end()
      closed()
    },
    lastWords() {
      const text = stderr.text().trim()
      const words = text === '' ? '' : `; it last wrote: ${text.slice(-SHOWN_STDERR)}`
      return `${ended ?? 'still running'}${words}`
    },
  }
  return transport
}

/** Reads lines, and hands the messages in them on. What is too long ends the request that it answers, and nothing else. */
function receiver(
  transport: () => StdioTransport,
  { maxMessageBytes, failures }: StdioTransportOptions,
  waiting: Set<WireId>,
): (line: Line) => void {
  const deliver = (message: WireMessage): void => {
    const { id } = message
    if (message['method'] === undefined && (typeof id === 'number' || typeof id === 'string')) waiting.delete(id)
    transport().onmessage?.(message as never)
  }
  const dropped = (line: Line & { readonly kind: 'cut' }): void => {
    const text = `The server sent a message of ${line.bytes} bytes; the limit is ${maxMessageBytes} (maxMessageBytes)`
    const id = idAtTheEnds(line.head, line.tail) ?? onlyOf(waiting)
    if (id === undefined || !waiting.has(id)) {
      transport().onerror?.(new Error(`${text}; it answered nothing and was left out`))
      return
    }
    const details = { bytes: line.bytes, limit: maxMessageBytes }
    deliver(failures.answer(id, new OpspawnError('PAYLOAD_TOO_LARGE', text, { details })))
  }
  return (line) => {
    if (line.kind === 'cut') return dropped(line)
    if (line.text.trim() === '') return
    let message: unknown
    try {
      message = JSON.parse(line.text)
    } catch {
      // Many programs write a greeting to their standard output.
      transport().onerror?.(new Error(`A line that is not JSON (${line.text.length} characters) was left out`))
      return
    }
    for (const one of Array.isArray(message) ? message : [message]) {
      if (typeof one === 'object' && one !== null) deliver(one as WireMessage)
    }
  }
}

/** How a process ended is known a moment after its output has closed; one that lives on without any is not waited for. */
function withinReason(exited: Promise<string>): Promise<unknown> {
  return Promise.race([exited, delay(250, undefined, { ref: false })])
}

function write(group: ProcessGroup, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    group.stdin.write(text, (error) => (error ? reject(error) : resolve()))
  })
}

function onlyOf(ids: ReadonlySet<WireId>): WireId | undefined {
  return ids.size === 1 ? ids.values().next().value : undefined
}

function notSent(lastWords: string): OpspawnError {
  const details = { reason: 'connection-ended' }
  return new OpspawnError('TOOL_UNAVAILABLE', `The process has ended (${lastWords}); nothing was sent`, { details })
}

function notStarted(command: string, error: unknown): OpspawnError {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
  const why = code === 'ENOENT' ? 'there is no such program, or no such working directory' : `the system says ${code}`
  // What is missing now is missing in a second, too.
  const retryable = code === 'EAGAIN' || code === 'EMFILE' || code === 'ENFILE' || code === 'ENOMEM'
  const text = `The program ${JSON.stringify(command)} cannot be started: ${why}. Check command, PATH and cwd of the server.`
  return new OpspawnError('TOOL_UNAVAILABLE', text, { cause: error, retryable, details: { code } })
}
