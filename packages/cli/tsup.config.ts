import { defineConfig } from 'tsup'

/** One file that Node runs; what it depends on stays outside. */
export default defineConfig({
  entry: ['src/main.ts'],
  outDir: 'dist',
  format: 'esm',
  target: 'es2023',
  platform: 'node',
  splitting: false,
  minify: true,
  sourcemap: false,
  clean: true,
  dts: false,
})
