/** The starters of pool threads. Apart, because a page loads them without the module. */
import type { ThreadsVariant } from '../backends/relaxed.ts'
import type { ThreadsRequest } from '../backends/worker-messages.ts'

export interface PoolStarters {
  createPool(name: string, begin?: (request: ThreadsRequest) => Promise<unknown>): unknown
  startThreads(request: ThreadsRequest): Promise<() => void>
}

/** Those beside the glue of `variant`: the threads load what their starter lies beside. */
export function loadPool(variant: ThreadsVariant): Promise<PoolStarters> {
  // @ts-expect-error it lies beside the built file
  if (variant === 'relaxed') return import('./wasm/relaxed/pool-web.js')
  // @ts-expect-error it lies beside the built file
  return import('./wasm/threads/pool-web.js')
}
