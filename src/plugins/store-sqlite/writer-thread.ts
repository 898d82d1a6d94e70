import { runThread } from './thread.ts'
import { openWriter } from './writer.ts'

await runThread(openWriter)
