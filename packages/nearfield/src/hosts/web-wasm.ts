/** The WebAssembly builds inside a web worker. The names are literal so that bundlers see them. */
import type { Backend } from '../backend.ts'
import { createWasmBackend, type WasmParts } from '../backends/wasm.ts'
import type { StartThreads } from '../backends/worker-host.ts'
import type { Spec } from '../backends/worker-messages.ts'
import { loadPool } from './web-pool.ts'

interface Ways {
  readonly died?: (cause: unknown) => void
  /** Left out, this thread starts the pool's threads itself. */
  readonly startThreads?: StartThreads
}

export function loadWebWasm(
  { kind, threads, why, poolName }: Spec,
  { died, startThreads }: Ways,
): Promise<Backend> {
  const parts = kind === 'wasm-threads' ? () => threadsParts(startThreads) : singleParts
  return createWasmBackend({
    variant: kind === 'wasm-threads' ? 'threads' : 'single',
    threads: threads || navigator.hardwareConcurrency || 1,
    why,
    poolName,
    load: parts,
    ...(died && { died }),
  })
}

async function threadsParts(startThreads?: StartThreads): Promise<WasmParts> {
  const { createPool } = await loadPool()
  return {
    // @ts-expect-error it lies beside the built file
    glue: await import('./wasm/threads/nearfield_wasm.js'),
    pool: { createPool: (name: string) => createPool(name, startThreads) },
  }
}

async function singleParts(): Promise<WasmParts> {
  // @ts-expect-error it lies beside the built file
  return { glue: await import('./wasm/single/nearfield_wasm.js') }
}
