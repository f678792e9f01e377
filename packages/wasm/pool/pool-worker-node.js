/** One thread of the pool in Node, Deno or Bun; started by pool-node.js. */

import { parentPort, workerData } from 'node:worker_threads'
import init, * as glue from './nearfield_wasm.js'
import { reportTrap } from './pool-trap.js'

const { module, memory, receiver, name } = workerData
let word
try {
  await init({ module_or_path: module, memory })
  word = glue.pool_word()
  parentPort.postMessage({ type: 'ready' })
} catch (error) {
  parentPort.postMessage({ type: 'failed', message: String(error) })
}
if (word !== undefined) {
  try {
    glue.wbg_rayon_start_worker(receiver)
  } catch (error) {
    reportTrap(memory, word, name, error)
  }
}
