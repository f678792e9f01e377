import { defineConfig } from 'tsup'

/** One file per runtime. What lies beside them (`./wasm/…`, `./worker.js`) keeps its name and place. */
export default defineConfig({
  entry: ['node', 'deno', 'bun', 'browser', 'worker'].map((name) => `src/entry/${name}.ts`),
  outDir: 'dist',
  format: 'esm',
  target: 'es2023',
  platform: 'neutral',
  splitting: true,
  minify: true,
  sourcemap: false,
  clean: true,
  dts: true,
  external: ['@nearfield/native', /^node:/, /^\.\/wasm\//],
})
