/**
 * Starts the pool's threads as module workers: from a dedicated worker of a page.
 *
 * Each worker instantiates the same module over the same memory, reports `ready` and then never
 * returns: rayon's loop runs until the worker is ended.
 */

function whenReady(worker) {
  return new Promise((resolve, reject) => {
    worker.addEventListener('message', ({ data }) => {
      if (data.type === 'ready') resolve(worker)
      else if (data.type === 'failed')
        reject(new Error(`BACKEND: a pool worker did not start: ${data.message}`))
    })
    worker.addEventListener('error', ({ message }) =>
      reject(
        new Error(`BACKEND: a pool worker did not start: ${message ?? 'its script could not be loaded'}`),
      ),
    )
  })
}

/** A pool: `start` goes to `usePoolStarter`, `end` ends the threads. */
export function createPool(name) {
  // The workers stay referenced: Firefox collects ones that only share memory (bug 1702191).
  let workers = []
  const end = () => {
    for (const worker of workers) worker.terminate()
    workers = []
  }
  const start = async (module, memory, builder) => {
    const message = { module, memory, receiver: builder.receiver(), name }
    workers = Array.from({ length: builder.numThreads() }, () => {
      const worker = new Worker(new URL('./pool-worker.js', import.meta.url), { type: 'module' })
      worker.postMessage(message)
      return worker
    })
    try {
      await Promise.all(workers.map(whenReady))
    } catch (error) {
      end()
      throw error
    }
    builder.build()
  }
  return { start, end }
}
