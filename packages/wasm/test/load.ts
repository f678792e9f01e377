/** Loads a built variant from this package, as an entry of the facade does. */

import { readFileSync } from 'node:fs'
import type { WasmBackend, WasmVariant } from '../../nearfield/src/backends/wasm.ts'
import { createWasmBackend } from '../../nearfield/src/backends/wasm.ts'

let copies = 0

/** A fresh instance at every call: the glue is imported under another query. */
export function load(variant: WasmVariant, threads: number): Promise<WasmBackend> {
  copies += 1
  const folder = new URL(`../${variant}/`, import.meta.url)
  return createWasmBackend({
    variant,
    threads,
    why: 'asked for by a test',
    load: async () => ({
      glue: await import(new URL(`nearfield_wasm.js?${copies}`, folder).href),
      module: readFileSync(new URL('nearfield_wasm_bg.wasm', folder)),
      ...(variant === 'threads' && { pool: await import(new URL('pool-node.js', folder).href) }),
    }),
  })
}
