/** Which build with threads an engine gets. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { threadsVariant } from '../src/backends/relaxed.ts'

afterEach(() => vi.restoreAllMocks())

describe('the build with threads', () => {
  it('is the relaxed one where the engine reads the instruction', () => {
    // The Node that runs this reads it; were the probe no module at all, it would not.
    expect(threadsVariant()).toBe('relaxed')
    vi.spyOn(WebAssembly, 'validate').mockReturnValue(false)
    expect(threadsVariant()).toBe('threads')
  })

  it('is the plain one where a lesser set is preferred', () => {
    expect(['scalar', 'simd128', 'relaxed-simd', 'auto', 'avx2'].map(threadsVariant)).toEqual([
      'threads',
      'threads',
      'relaxed',
      'relaxed',
      'relaxed',
    ])
  })
})
