/**
 * Browsers. A page must not block, so there the module lives in a worker, and the page answers short
 * searches alone; in a worker of the user's own it runs in place and may answer synchronously. Threads need shared memory, which browsers give
 * to cross-origin isolated pages only.
 */
import { NearfieldError } from '../api/errors.ts'
import type { Host, Place } from '../api/host.ts'
import type { Backend } from '../backend.ts'
import { Choices } from '../backends/choose.ts'
import { threadsVariant } from '../backends/relaxed.ts'
import { connectWorker } from '../backends/worker-client.ts'
import type { Spec } from '../backends/worker-messages.ts'
import { loadPool } from './web-pool.ts'

type Open = (spec: Spec, died: (cause: unknown) => void) => Promise<Backend>

export function webHost(): Host {
  const inWorker = 'WorkerGlobalScope' in globalThis
  const open: Open = inWorker ? openHere : openWorker
  const where = inWorker ? 'WebAssembly in this worker' : 'WebAssembly in a worker'
  return {
    choices: new Choices([
      {
        kind: 'wasm-threads',
        load: async (threads, died) => {
          if (!globalThis.crossOriginIsolated)
            throw new NearfieldError('BACKEND', 'the page is not cross-origin isolated')
          const poolName = crypto.randomUUID()
          return open({ variant: threadsVariant(), threads, why: `${where}, with threads`, poolName }, died)
        },
      },
      {
        kind: 'wasm',
        load: (_, died) =>
          open({ variant: 'single', threads: 1, why: `${where}, one thread`, poolName: '' }, died),
      },
    ]),
    files: null,
    locate,
    preferences: {},
  }
}

const openWorker: Open = (spec, died) => {
  const { variant } = spec
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
  const end = () => worker.terminate()
  if (variant === 'single') return connectWorker({ port: worker, end }, spec, died)
  return connectWorker({ port: worker, loadPool: () => loadPool(variant), end }, spec, died)
}

const openHere: Open = async (spec, died) => {
  const { loadWebWasm } = await import('./web-wasm.ts')
  return loadWebWasm(spec, { died })
}

function locate(source: string | URL): Place {
  try {
    return {
      url: new URL(source, (globalThis as { document?: Document }).document?.baseURI ?? location.href),
    }
  } catch (cause) {
    throw new NearfieldError('OPTION', `not an address: ${source}`, { cause })
  }
}
