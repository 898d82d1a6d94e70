import { defineConfig, type ViteUserConfig } from 'vitest/config'

// Type tests (*.test-d.ts) are not run: `tsc` checks their expectTypeOf and @ts-expect-error lines.
const config: ViteUserConfig = defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    allowOnly: false,
    // No test depends on speed: this only ends what hangs, also on a machine that does ten other things.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    maxWorkers: '100%',
    // V8 13.6 sometimes ends the process when it replaces the wrapper of a WebAssembly import (seen in a test worker of Node
    // 24.21: "Check failed: jit_page.has_value()" below TierUpWasmToJSWrapper): no wrapper is called often enough.
    execArgv: ['--wasm-wrapper-tiering-budget=1000000000'],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['**/*.test.ts', '**/*.test-d.ts'],
      reporter: [['text', { skipFull: true }], 'json-summary'],
      // Two globs instead of a global number: a global threshold would count core's lines again.
      thresholds: {
        'src/core/**': { lines: 100 },
        'src/{*.ts,!(core)/**}': { lines: 90 },
      },
    },
  },
})

export default config
