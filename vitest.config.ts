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
