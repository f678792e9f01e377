import { defineConfig } from 'vitest/config'

/** A test is some processes, one after the other. */
export default defineConfig({ test: { include: ['test/**/*.test.ts'], testTimeout: 120_000 } })
