/**
 * What a pool thread does when it traps: its job will never finish, so whoever waits must be told.
 * Plain JavaScript on purpose: the instance that trapped is not to be called again.
 */

// `DEAD` in crates/nearfield-wasm/src/pool.rs.
const DEAD = 2

/** Wakes the thread that waits on `word` and tells the page. */
export function reportTrap(memory, word, name, error) {
  const words = new Int32Array(memory.buffer)
  Atomics.store(words, word >> 2, DEAD)
  Atomics.notify(words, word >> 2)
  const channel = new BroadcastChannel('nearfield-pool')
  channel.postMessage({ type: 'pool-trap', pool: name, message: String(error) })
  channel.close()
}
