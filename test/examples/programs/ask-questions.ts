/** Asks the parts of the ask-folder example several questions in one process; prints the answers as JSON. */
import { createOrchestrator, defineAgent } from 'opspawn'
import { quotePlanner } from '../../../examples/ask-folder/quote-planner.ts'
import { readFolder } from '../../../examples/ask-folder/read-folder.ts'
import { rememberFolder } from '../../../examples/ask-folder/remember.ts'
import { folderTools } from '../../../examples/ask-folder/tools.ts'

const [path = '', ...questions] = process.argv.slice(2)
const { signal } = new AbortController()
const folder = await readFolder(path, signal)
await using remembered = await rememberFolder(folder, process.env, signal)
const agent = defineAgent({ name: 'librarian', planner: quotePlanner(), tools: folderTools(folder, remembered.handle) })
await using ops = await createOrchestrator({ agents: [agent], announce: false })
const answers: unknown[] = []
for (const question of questions) answers.push(await (await ops.start(agent, question)).result)
process.stdout.write(JSON.stringify(answers))
