import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, test } from 'vitest'
import { manualClock } from '../../testing/clock.ts'
import { storeConformance } from '../../testing/store-conformance.ts'
import { sqliteStore } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'opspawn-sqlite-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let count = 0
const newPath = (): string => join(folder, `${(count += 1)}.db`)

describe('store/1, in threads', () => {
  const clock = manualClock()
  storeConformance({ test, clock, createStore: (options) => sqliteStore({ path: newPath(), clock, ...options }) })
})
