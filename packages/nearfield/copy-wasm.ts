/** Puts the WebAssembly builds beside the built facade, where there are any. */
import { cpSync, existsSync, rmSync } from 'node:fs'

const from = new URL('../wasm/', import.meta.url)
const to = new URL('./dist/wasm/', import.meta.url)

rmSync(to, { recursive: true, force: true })
for (const variant of ['threads', 'relaxed', 'single']) {
  const source = new URL(`${variant}/`, from)
  if (!existsSync(source)) {
    console.log(`wasm/${variant} is not built: this build of nearfield does without`)
    continue
  }
  cpSync(source, new URL(`${variant}/`, to), {
    recursive: true,
    filter: (path) => !path.endsWith('.gitignore'),
  })
}
