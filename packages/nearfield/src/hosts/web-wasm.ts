/** The WebAssembly builds inside a web worker. The names are literal so that bundlers see them. */
import type { Backend } from '../backend.ts'
import type { ThreadsVariant } from '../backends/relaxed.ts'
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
  { variant, threads, why, poolName }: Spec,
  { died, startThreads }: Ways,
): Promise<Backend> {
  const parts = variant === 'single' ? singleParts : () => threadsParts(variant, startThreads)
  return createWasmBackend({
    variant,
    threads: threads || navigator.hardwareConcurrency || 1,
    why,
    poolName,
    load: parts,
    ...(died && { died }),
  })
}

async function threadsParts(variant: ThreadsVariant, startThreads?: StartThreads): Promise<WasmParts> {
  const { createPool } = await loadPool(variant)
  return {
    glue: await (variant === 'relaxed' ? relaxedGlue() : threadsGlue()),
    pool: { createPool: (name: string) => createPool(name, startThreads) },
  }
}

// @ts-expect-error it lies beside the built file
const relaxedGlue = (): Promise<unknown> => import('./wasm/relaxed/nearfield_wasm.js')
// @ts-expect-error it lies beside the built file
const threadsGlue = (): Promise<unknown> => import('./wasm/threads/nearfield_wasm.js')

async function singleParts(): Promise<WasmParts> {
  // @ts-expect-error it lies beside the built file
  return { glue: await import('./wasm/single/nearfield_wasm.js') }
}
