import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { ContenderName } from './contenders/contender.ts'
import type { Reply, TaskName } from './worker.ts'

const timeoutMs = 120_000

/** Production mode, and every switch by which a contender can be told not to trace or to call home. */
export const quietEnvironment: NodeJS.ProcessEnv = {
  ...process.env,
  NODE_ENV: 'production',
  NODE_OPTIONS: '',
  NODE_DISABLE_COMPILE_CACHE: '1',
  DO_NOT_TRACK: '1',
  LANGCHAIN_TRACING_V2: 'false',
  LANGSMITH_TRACING: 'false',
  MASTRA_TELEMETRY_DISABLED: '1',
  OPENAI_AGENTS_DISABLE_TRACING: '1',
}

/** Measures one contender in a process of its own. */
export function measureInChild(name: ContenderName, task: TaskName, flags: readonly string[] = []): Promise<Reply> {
  const child = fork(fileURLToPath(new URL('worker.ts', import.meta.url)), [name, task], {
    env: quietEnvironment,
    execArgv: [...flags],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let printed = ''
  const keep = (text: Buffer) => {
    printed = (printed + text.toString()).slice(-2_000)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  return new Promise((resolve) => {
    let reply: Reply | undefined
    const timer = setTimeout(() => {
      reply = { refused: `no result within ${timeoutMs / 1_000} s` }
      child.kill('SIGKILL')
    }, timeoutMs)
    child.on('message', (message) => {
      reply = message as Reply
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      resolve(reply ?? { refused: `the process ended (${signal ?? code}) without a result: ${printed}` })
    })
  })
}
