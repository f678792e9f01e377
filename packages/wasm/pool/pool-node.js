/**
 * Starts the pool's threads with `node:worker_threads`: in Node, Deno and Bun.
 *
 * Once started they are unreferenced, so an idle pool never holds the process open.
 */

import { Worker } from 'node:worker_threads'

function whenReady(worker) {
  return new Promise((resolve, reject) => {
    const fail = (why) => reject(new Error(`BACKEND: a pool thread did not start: ${why}`))
    worker.once('error', fail)
    worker.on('message', (message) => {
      if (message?.type === 'ready') resolve(worker)
      else if (message?.type === 'failed') fail(message.message)
    })
  })
}

/** A pool: `start` goes to `usePoolStarter`, `end` ends the threads. */
export function createPool(name) {
  let workers = []
  const end = async () => {
    const ending = workers
    workers = []
    await Promise.all(ending.map((worker) => worker.terminate()))
  }
  const start = async (module, memory, builder) => {
    const workerData = { module, memory, receiver: builder.receiver(), name }
    workers = Array.from(
      { length: builder.numThreads() },
      () => new Worker(new URL('./pool-worker-node.js', import.meta.url), { workerData }),
    )
    try {
      await Promise.all(workers.map(whenReady))
    } catch (error) {
      await end()
      throw error
    }
    for (const worker of workers) worker.unref()
    builder.build()
  }
  return { start, end }
}
