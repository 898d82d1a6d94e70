import type { Job } from '../task.ts'

/** What a file in this folder exports as `contender`. */
export interface Contender {
  /** Builds the agent for a job, once; what comes back is run many times, also at the same time. */
  prepare(work: Job): Promise<Prepared>
  /** Builds a workflow of that shape, once; each call of what comes back is one run, and gives the sum that it came to. */
  workflow?(shape: WorkflowShape): Promise<() => Promise<number>>
}

/** Ten steps one after the other, or a hundred side by side. */
export type WorkflowShape = 'linear' | 'fan'

export interface Prepared {
  /** One run from question to answer, through the framework's ordinary call. */
  run(): Promise<string>
  /** One run through its streaming call; gives each text delta to `onDelta`. */
  stream(onDelta: (text: string) => void): Promise<void>
}

/** File name of each contender, the package that it measures, and its column's title. Those of `durable` alone have no file. */
export const contenders = {
  floor: { package: 'zod', title: 'floor' },
  opspawn: { package: 'opspawn', title: 'opspawn' },
  ai: { package: 'ai', title: 'ai' },
  'openai-agents': { package: '@openai/agents', title: '@openai/agents' },
  mastra: { package: '@mastra/core', title: '@mastra/core' },
  langchain: { package: 'langchain', title: 'langchain' },
  dbos: { package: '@dbos-inc/dbos-sdk', title: 'DBOS (Postgres)' },
} as const

export type ContenderName = keyof typeof contenders

/** Whether it takes part in more than `durable`. */
export const isGeneral = (name: ContenderName): boolean => name !== 'dbos'
