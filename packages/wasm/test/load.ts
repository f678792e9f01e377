/** Loads a built variant from this package, as an entry of the facade does. */

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { threadsVariant } from '../../nearfield/src/backends/relaxed.ts'
import type { WasmBackend, WasmVariant } from '../../nearfield/src/backends/wasm.ts'
import { createWasmBackend } from '../../nearfield/src/backends/wasm.ts'

let copies = 0

/** Every variant this runtime reads. */
export const variants: readonly WasmVariant[] = [
  'threads',
  ...(threadsVariant() === 'relaxed' ? (['relaxed'] as const) : []),
  'single',
]

/** A fresh instance at every call: the glue is imported under another query. */
export function load(variant: WasmVariant, threads: number): Promise<WasmBackend> {
  copies += 1
  const folder = new URL(`../${variant}/`, import.meta.url)
  return createWasmBackend({
    variant,
    threads,
    why: 'asked for by a test',
    load: async () => ({
      glue: await import(copy(new URL('nearfield_wasm.js', folder), copies)),
      module: readFileSync(new URL('nearfield_wasm_bg.wasm', folder)),
      ...(variant !== 'single' && { pool: await import(new URL('pool-node.js', folder).href) }),
    }),
  })
}

/** Bun tells modules apart by the query of a path, not of a file URL; the others the other way round. */
function copy(glue: URL, generation: number): string {
  return `${'Bun' in globalThis ? fileURLToPath(glue) : glue.href}?${generation}`
}
