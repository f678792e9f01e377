/** Which backend answers, why, and what is told when none does. */
import { describe, expect, it, vi } from 'vitest'
import { nearfield } from '../src/api/nearfield.ts'
import { Choices } from '../src/backends/choose.ts'
import type { Loader } from '../src/backends/loader.ts'
import { line, refuses } from './house.ts'
import { model } from './model.ts'

const broken =
  (message: string): Loader =>
  () =>
    Promise.reject(new Error(message))

describe('choosing', () => {
  it('takes the first that loads and says what was passed over', async () => {
    const choices = new Choices([
      { kind: 'native', load: broken('no addon for this platform') },
      { kind: 'wasm-threads', load: broken('not isolated') },
      { kind: 'wasm', load: async () => model() },
    ])
    const { info } = await choices.choose('auto', 0)
    expect(info.why).toBe('no native (no addon for this platform); no wasm-threads (not isolated); a model')
  })

  it('a forced kind fails with its cause', async () => {
    const choices = new Choices([
      { kind: 'native', load: broken('no addon') },
      { kind: 'wasm', load: async () => model() },
    ])
    await refuses(
      () => choices.choose('native', 0),
      'BACKEND',
      /the native backend could not be loaded: no addon/,
    )
    await expect(choices.choose('native', 0)).rejects.toHaveProperty('cause.message', 'no addon')
    await refuses(
      () => choices.choose('wasm-threads', 0),
      'BACKEND',
      /no wasm-threads backend here; there are native, wasm/,
    )
  })

  it('tells every cause when nothing loads', async () => {
    const choices = new Choices([
      { kind: 'native', load: broken('a') },
      { kind: 'wasm', load: broken('b') },
    ])
    await refuses(
      () => choices.choose('auto', 0),
      'BACKEND',
      /no backend could be loaded: no native \(a\); no wasm \(b\)/,
    )
  })

  it('loads one backend for each kind and number of threads, and again after its death', async () => {
    let kill: (cause: unknown) => void = () => {}
    const load = vi.fn(async (_: number, died: (cause: unknown) => void) => {
      kill = died
      return model()
    })
    const choices = new Choices([{ kind: 'native', load }])
    await Promise.all([choices.choose('auto', 0), choices.choose('native', 0), choices.choose('auto', 0)])
    expect(load).toHaveBeenCalledTimes(1)
    expect((await choices.choose('auto', 1)).info.threads).toBe(1)
    expect(load).toHaveBeenCalledTimes(2)
    kill('a trap')
    await choices.choose('auto', 1)
    await choices.choose('auto', 0)
    expect(load).toHaveBeenCalledTimes(3)
  })

  it('preferences come after options, and ISA reaches the core', async () => {
    const backend = model()
    const choices = new Choices([
      { kind: 'native', load: async () => backend },
      { kind: 'wasm', load: broken('no') },
    ])
    const { buildIndex, capabilities } = nearfield({
      choices,
      files: null,
      locate: (url) => ({ url: new URL(url) }),
      preferences: { backend: 'wasm', isa: 'scalar' },
    })
    await refuses(() => buildIndex(line(2), { dim: 4 }), 'BACKEND', /the wasm backend could not be loaded/)
    await buildIndex(line(2), { dim: 4, backend: 'native' })
    expect(backend.calls[0]).toBe('buildBegin {"dim":4,"isa":"scalar"}')
    expect(await capabilities()).toMatchObject({
      backends: [
        { kind: 'native', available: true, why: 'a model' },
        { kind: 'wasm', available: false, why: 'the wasm backend could not be loaded: no' },
      ],
      simd: 'scalar',
      threads: 2,
      why: 'native: a model',
    })
  })
})
