import { type Model, OpspawnError } from 'opspawn'

/** A model, and what chose it. */
export interface ChosenModel {
  readonly model: Model
  readonly because: string
}

/**
 * Chooses a model by the environment; `undefined` when nothing is configured. The package of a provider is imported only
 * when it was chosen.
 *
 * @throws OpspawnError `OPTIONS_INVALID` for half a configuration, `PLUGIN_PACKAGE_MISSING`
 */
export async function chooseModel(env: NodeJS.ProcessEnv): Promise<ChosenModel | undefined> {
  // An empty variable is an unset one.
  const { OPENAI_BASE_URL: baseURL, OPENAI_API_KEY: openaiKey, ANTHROPIC_API_KEY: anthropicKey } = env
  if (baseURL) {
    const name = env['OPENAI_MODEL']
    if (!name) {
      throw new OpspawnError(
        'OPTIONS_INVALID',
        `OPENAI_BASE_URL is set to ${baseURL}; set OPENAI_MODEL too, to a model that this server has`,
      )
    }
    const { createOpenAICompatible } = await load('@ai-sdk/openai-compatible', () => import('@ai-sdk/openai-compatible'))
    const provider = createOpenAICompatible({
      name: 'local',
      baseURL,
      includeUsage: true,
      ...(openaiKey ? { apiKey: openaiKey } : undefined),
    })
    return { model: provider(name), because: `OPENAI_BASE_URL is ${baseURL}` }
  }
  if (openaiKey) {
    const { createOpenAI } = await load('@ai-sdk/openai', () => import('@ai-sdk/openai'))
    const model = createOpenAI({ apiKey: openaiKey })(env['OPENAI_MODEL'] || 'gpt-5.4-mini')
    return { model, because: 'OPENAI_API_KEY is set' }
  }
  if (anthropicKey) {
    const { createAnthropic } = await load('@ai-sdk/anthropic', () => import('@ai-sdk/anthropic'))
    const model = createAnthropic({ apiKey: anthropicKey })(env['ANTHROPIC_MODEL'] || 'claude-haiku-4-5')
    return { model, because: 'ANTHROPIC_API_KEY is set' }
  }
  return undefined
}

async function load<T>(name: string, importPackage: () => Promise<T>): Promise<T> {
  try {
    return await importPackage()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new OpspawnError('PLUGIN_PACKAGE_MISSING', `the configured model needs the package ${name}: npm install ${name}`, {
      cause: error,
    })
  }
}
