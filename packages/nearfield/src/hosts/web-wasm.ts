/** The WebAssembly builds inside a web worker. The names are literal so that bundlers see them. */
import type { Backend } from '../backend.ts'
import { createWasmBackend, type Pool, type WasmParts } from '../backends/wasm.ts'
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
  return {
    // @ts-expect-error it lies beside the built file
    glue: await import('./wasm/threads/nearfield_wasm.js'),
    pool: startThreads ? elsewhere(startThreads) : await loadPool(),
  }
}

/** A pool whose threads belong to who starts them. */
function elsewhere(startThreads: StartThreads): { createPool(name: string): Pool } {
  return {
    createPool: (name) => ({
      async start(module, memory, builder) {
        await startThreads({
          count: builder.numThreads(),
          module,
          memory,
          receiver: builder.receiver(),
          name,
        })
        builder.build()
      },
      end() {},
    }),
  }
}

async function singleParts(): Promise<WasmParts> {
  // @ts-expect-error it lies beside the built file
  return { glue: await import('./wasm/single/nearfield_wasm.js') }
}
