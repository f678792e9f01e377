/** The starters of pool threads, and what enters the module on a page's own. Apart, because a page loads them without the module. */
import type { ThreadsVariant } from '../backends/relaxed.ts'
import type { PoolParts } from '../backends/worker-client.ts'
import type { ThreadsRequest } from '../backends/worker-messages.ts'

export interface PoolStarters extends PoolParts {
  createPool(name: string, begin?: (request: ThreadsRequest) => Promise<unknown>): unknown
}

/** Those beside the glue of `variant`: the threads load what their starter lies beside. */
export function loadPool(variant: ThreadsVariant): Promise<PoolStarters> {
  // @ts-expect-error it lies beside the built file
  if (variant === 'relaxed') return import('./wasm/relaxed/pool-web.js')
  // @ts-expect-error it lies beside the built file
  return import('./wasm/threads/pool-web.js')
}
