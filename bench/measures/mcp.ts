import type { ContenderName } from '../contenders/contender.ts'
import { figuresOf } from './child-figures.ts'

/** What a call of an MCP tool costs above the client library alone, and what connections leave behind. */
export function measureMcp(): readonly (readonly [row: string, name: ContenderName, value: number])[] {
  return Object.entries(figuresOf('mcp-child.ts', [])).map(([row, value]) => [row, 'opspawn', value] as const)
}
