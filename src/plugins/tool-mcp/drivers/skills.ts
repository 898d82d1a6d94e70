import type { Client } from '@modelcontextprotocol/client'
import { OpspawnError } from '../../../core/index.ts'
import type { McpSkills } from '../port.ts'
import { NO_LIMIT_MS } from './raw-client.ts'

/** Skills by the newer library, which checks what is read against what was listed. */
export function skillsOf(client: Client): McpSkills {
  const open = async (signal: AbortSignal | undefined) => {
    const { SkillsClient } = await import('@modelcontextprotocol/client/ext/skills')
    const skills = new SkillsClient(client)
    const options = { timeout: NO_LIMIT_MS, ...(signal !== undefined && { signal }) }
    return { skills, options, listed: (await skills.list({}, options)).skills }
  }
  return {
    async list({ signal } = {}) {
      return (await open(signal)).listed.map(({ uri, frontmatter: { name, description } }) => ({ uri, name, description }))
    },
    async read(uri, file, { signal } = {}) {
      const { skills, options, listed } = await open(signal)
      const entry = listed.find((one) => one.uri === uri)
      if (entry === undefined) throw new OpspawnError('TOOL_FAILED', `there is no skill ${JSON.stringify(uri)}`)
      const { verified, ...found } = await skills.read(entry, file, options)
      return { uri: found.uri, bytes: found.bytes, isVerified: verified }
    },
  }
}
