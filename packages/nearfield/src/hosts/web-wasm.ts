/** The WebAssembly builds inside a web worker. The names are literal so that bundlers see them. */
import type { Backend } from '../backend.ts'
import { createWasmBackend } from '../backends/wasm.ts'
import type { Spec } from '../backends/worker-messages.ts'

export function loadWebWasm(
  { kind, threads, why, poolName }: Spec,
  died?: (cause: unknown) => void,
): Promise<Backend> {
  const parts = kind === 'wasm-threads' ? threadsParts : singleParts
  return createWasmBackend({
    variant: kind === 'wasm-threads' ? 'threads' : 'single',
    threads: threads || navigator.hardwareConcurrency || 1,
    why,
    poolName,
    load: parts,
    ...(died && { died }),
  })
}

async function threadsParts(): Promise<{ glue: unknown; pool: unknown }> {
  return {
    // @ts-expect-error it lies beside the built file
    glue: await import('./wasm/threads/nearfield_wasm.js'),
    // @ts-expect-error it lies beside the built file
    pool: await import('./wasm/threads/pool-web.js'),
  }
}

async function singleParts(): Promise<{ glue: unknown }> {
  // @ts-expect-error it lies beside the built file
  return { glue: await import('./wasm/single/nearfield_wasm.js') }
}
