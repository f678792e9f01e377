/**
 * Where the glue asks for its workers. The glue must not name a worker script itself: the script
 * imports the glue, and bundlers refuse the cycle. So the host says who starts workers.
 */

let starter

/** Sets what `initThreadPool` will call: `(module, memory, builder) => Promise<void>`. */
export function usePoolStarter(start) {
  starter = start
}

/** The function wasm-bindgen-rayon imports. */
export function startWorkers(module, memory, builder) {
  if (!starter) throw new Error('BACKEND: expected usePoolStarter(…) before initThreadPool(…)')
  return starter(module, memory, builder)
}
