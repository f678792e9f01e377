/** The starters of pool threads. Apart, because a page loads them without the module. */
import type { ThreadsRequest } from '../backends/worker-messages.ts'

export interface PoolStarters {
  createPool(name: string, begin?: (request: ThreadsRequest) => Promise<unknown>): unknown
  startThreads(request: ThreadsRequest): Promise<() => void>
}

export function loadPool(): Promise<PoolStarters> {
  // @ts-expect-error it lies beside the built file
  return import('./wasm/threads/pool-web.js')
}
