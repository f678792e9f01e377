import { afterEach, expect, it, vi } from 'vitest'
import { microsOf } from '../src/api/explain.ts'
import type { Backend, IndexHandle, SearchParams } from '../src/backend.ts'

afterEach(() => vi.restoreAllMocks())

/** A backend whose searches take so many microseconds, by a clock that goes by steps of so many. */
function slow(micros: number, step: number, sync: boolean): Backend {
  let clock = 0
  vi.spyOn(performance, 'now').mockImplementation(() => (Math.floor(clock / step) * step) / 1000)
  const search = () => {
    clock += micros
  }
  const backend = sync ? { sync: { searchInto: search } } : { search: async () => search() }
  return backend as unknown as Backend
}

const params = { k: 3, effort: 0, exact: false, rerank: true } as SearchParams
const micros = (backend: Backend) =>
  microsOf(backend, 1 as unknown as IndexHandle, new Float32Array(4), params)

it.each([true, false])(
  'a search shorter than a step of the clock takes its time all the same, sync %s',
  async (sync) => {
    const told = await micros(slow(7, 100, sync))
    expect(told).toBeGreaterThan(6)
    expect(told).toBeLessThan(8)
  },
)

it('a search of milliseconds is timed by itself', async () => {
  expect(await micros(slow(5000, 100, true))).toBeCloseTo(5000, 6)
})
