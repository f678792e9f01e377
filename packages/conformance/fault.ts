/**
 * Ways to the faults the bindings inject on purpose, past the public API, which has none: the addon's
 * own export, and the glue of the WebAssembly build, whose first instance the facade uses too.
 */
import { buildIndex } from 'nearfield'
import type { Env } from './suite.ts'

export async function faultOf(backend: Env['backend'], kind: string): Promise<void> {
  if (backend === 'native') {
    const { loadNative } = await import('@nearfield/native')
    await loadNative().addon.injectFault(kind)
    return
  }
  const variant = backend === 'wasm-threads' ? await threadsVariant() : 'single'
  const glue = new URL(`./wasm/${variant}/nearfield_wasm.js`, import.meta.resolve('nearfield'))
  const { inject_fault } = (await import(glue.href)) as { inject_fault(kind: string): void }
  inject_fault(kind)
}

/** Which of the two builds with threads the facade took. */
async function threadsVariant(): Promise<'relaxed' | 'threads'> {
  await using index = await buildIndex(new Float32Array(1), { dim: 1, backend: 'wasm-threads' })
  return index.backend.simd === 'relaxed-simd' ? 'relaxed' : 'threads'
}
