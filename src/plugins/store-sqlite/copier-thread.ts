import { runThread } from './thread.ts'
import { openCopier } from './copier.ts'

await runThread(openCopier)
