import { runThread } from './thread.ts'
import { openKeeper } from './keeper.ts'

await runThread(openKeeper)
