/**
 * Starts the pool's threads as module workers.
 *
 * Each worker instantiates the same module over the same memory, reports `ready` and then never
 * returns: rayon's loop runs until the worker is ended.
 *
 * A page should call `startThreads` itself for the worker its backend lives in. In Firefox a worker
 * that starts a worker waits for the debugger's registry with the new worker's own condition
 * variable, may lose that wake-up to it, and then hangs for ever (seen in 3 to 10 of 100 starts on a
 * busy machine, Firefox ESR 140).
 */

export { instantiate } from './page-instance.js'

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

/** Starts `count` threads and gives, when all of them are ready, what ends them. */
export async function startThreads({ count, ...message }) {
  // `end` keeps the workers referenced: Firefox collects ones that only share memory (bug 1702191).
  const workers = Array.from({ length: count }, () => {
    const worker = new Worker(new URL('./pool-worker.js', import.meta.url), { type: 'module' })
    worker.postMessage(message)
    return worker
  })
  const end = () => {
    for (const worker of workers) worker.terminate()
  }
  try {
    await Promise.all(workers.map(whenReady))
  } catch (error) {
    end()
    throw error
  }
  return end
}

/**
 * A pool: `start` goes to `usePoolStarter`, `end` ends the threads. `begin` starts them; one that
 * gives nothing back keeps them its own.
 */
export function createPool(name, begin = startThreads) {
  let end
  const start = async (module, memory, builder) => {
    end = await begin({
      count: builder.numThreads(),
      module,
      memory,
      receiver: builder.receiver(),
      name,
    })
    builder.build()
  }
  return { start, end: () => end?.() }
}
