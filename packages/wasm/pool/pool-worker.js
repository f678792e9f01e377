/** One thread of the pool in a browser; started by pool-web.js. */

import init, * as glue from './nearfield_wasm.js'
import { reportTrap } from './pool-trap.js'

self.addEventListener('message', async ({ data: { module, memory, receiver, name } }) => {
  try {
    await init({ module_or_path: module, memory })
  } catch (error) {
    postMessage({ type: 'failed', message: String(error) })
    return
  }
  const word = glue.pool_word()
  postMessage({ type: 'ready' })
  try {
    glue.wbg_rayon_start_worker(receiver)
  } catch (error) {
    reportTrap(memory, word, name, error)
  }
})
