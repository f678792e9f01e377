/** What a panic and a trap do: a panic is an error and all lives on, a trap ends the backend and nothing hangs. */

import assert from 'node:assert/strict'
import { load, variants } from './load.ts'

const panics = 200

export async function testFaults(): Promise<void> {
  for (const variant of variants) {
    const backend = await load(variant, 2)
    for (let round = 0; round < panics; round++) {
      await assert.rejects(backend.injectFault('panic'), /^Error: BACKEND: internal error: .*injected panic/)
      await assert.rejects(
        backend.injectFault('pool-panic'),
        /^Error: BACKEND: internal error: .*in the pool/,
      )
      await assert.rejects(
        backend.injectFault('share-panic'),
        /^Error: BACKEND: internal error: .*in a share/,
      )
    }
    // Alive: the core still answers with its own errors.
    await assert.rejects(backend.openBegin(1, '{"nonsense":1}'), /^Error: OPTION: /)
    await backend.shutdown()
    await assert.rejects(backend.openBegin(1, '{}'), /^Error: CLOSED: /)
  }
  for (const variant of variants) {
    for (const kind of variant === 'single' ? ['trap'] : ['trap', 'pool-trap', 'share-trap']) {
      const backend = await load(variant, 2)
      await assert.rejects(backend.injectFault(kind), /^Error: BACKEND: the WebAssembly module stopped: /)
      await assert.rejects(backend.openBegin(1, '{}'), /^Error: BACKEND: the WebAssembly module stopped: /)
      await backend.shutdown()
    }
  }
}
