/** The search for the least `ef`, over answers whose recall is known in advance. */
import { expect, test } from 'vitest'
import { effortFor, promiseOf } from '../src/api/options.ts'
import { Meter } from '../src/api/progress.ts'
import { type Answer, effortOf, tune } from '../src/api/tune.ts'

const K = 10

/** One query whose answers are right in `share(ef)` of ten places. */
function answering(share: (ef: number) => number, asked: number[]): Answer {
  return async ({ effort, exact }) => {
    if (!exact) asked.push(effort)
    const right = exact ? K : Math.round(share(effort) * K)
    const distances = Float32Array.from({ length: K }, (_, i) => (i < right ? 1 : 9))
    return [{ slots: new Uint32Array(K), distances, counts: Uint32Array.of(K) }]
  }
}

const graph = { kind: 'hnsw', codec: 'sq8', size: 5000, zones: null } as const
const wish = { k: K, rerank: true, effort: effortOf(graph, K) }

test.each([10, 11, 19, 20, 21, 333, 4999, 5000])(
  'an ef of %i is found where it is the least',
  async (least) => {
    const asked: number[] = []
    const answer = answering((ef) => (ef >= least ? 0.9 : 0.8), asked)
    const found = await tune(answer, { ...wish, wanted: 0.9 }, new Meter({}))
    expect(found).toMatchObject({ k: K, ef: least, recall: 0.9, reached: true })
    expect(asked.length).toBe(new Set(asked).size)
    expect(asked.length).toBeLessThanOrEqual(1 + Math.ceil(Math.log2(5000 / K)) + Math.ceil(Math.log2(5000)))
    expect(found.tried.map(({ ef }) => ef)).toEqual([...asked].sort((a, b) => a - b))
  },
)

test('where no ef reaches the recall, the largest is told with what it reaches', async () => {
  const found = await tune(
    answering(() => 0.8, []),
    { ...wish, wanted: 0.9 },
    new Meter({}),
  )
  expect(found).toMatchObject({ ef: 5000, recall: 0.8, reached: false })
})

test('an index that scans is measured once and found exact', async () => {
  const asked: number[] = []
  const found = await tune(
    answering(() => 0, asked),
    { ...wish, effort: effortOf({ ...graph, kind: 'flat', codec: 'f32' }, K), wanted: 1 },
    new Meter({}),
  )
  expect(found).toMatchObject({ ef: K, recall: 1, reached: true })
  expect(asked).toEqual([])
})

test('a scan of codes is measured once, for it is not exact', async () => {
  const asked: number[] = []
  const found = await tune(
    answering(() => 0.7, asked),
    { ...wish, effort: effortOf({ ...graph, kind: 'flat' }, K), wanted: 0.9 },
    new Meter({}),
  )
  expect(found).toMatchObject({ ef: K, recall: 0.7, reached: false })
  expect(asked).toEqual([K])
})

test.each([1, 2, 7, 64, 90])('of zones the fewest probes are found: %i', async (least) => {
  const asked: number[] = []
  const zones = { ...graph, kind: 'zones', codec: 'bits2', zones: 90 } as const
  const answer = answering((probes) => (probes >= least ? 1 : 0.5), asked)
  const found = await tune(answer, { ...wish, effort: effortOf(zones, K), wanted: 0.9 }, new Meter({}))
  expect(found).toMatchObject({ probes: least, recall: 1, reached: true })
  expect(found.ef).toBeUndefined()
  expect(Math.max(...asked)).toBeLessThanOrEqual(90)
})

test('answers by codes are counted by row, for their distances are approximate', async () => {
  const asked: boolean[] = []
  const answer: Answer = async ({ exact, rerank }) => {
    asked.push(rerank)
    const slots = exact ? [1, 2, 3, 4] : [1, 9, 3, 8]
    // Nearer than the truth throughout: by distance all would be right.
    const distances = new Float32Array(4).fill(exact ? 1 : 0.5)
    return [{ slots: Uint32Array.from(slots), distances, counts: Uint32Array.of(4) }]
  }
  const by = { k: 4, effort: effortOf({ ...graph, size: 4 }, 4), wanted: 0.6 }
  const found = await tune(answer, { ...by, rerank: false }, new Meter({}))
  expect(found).toMatchObject({ recall: 0.5, reached: false })
  expect(asked).toEqual([true, false])
  expect(await tune(answer, { ...by, rerank: true }, new Meter({}))).toMatchObject({ recall: 1 })
})

const zones = effortOf({ ...graph, kind: 'zones', codec: 'bits2', zones: 90 }, K)

/** Fixed probes find enough from 40 on, promises from 0.93 on; each scans as many rows as it is told. */
function promising(least: number, rows: (promise: number) => number) {
  const answer = answering((effort) => {
    const promise = promiseOf(effort)
    return (promise === null ? effort >= 40 : promise >= least) ? 0.9 : 0.8
  }, [])
  const scanned = async (effort: number) => {
    const promise = promiseOf(effort)
    return promise === null ? 100 * effort : rows(promise)
  }
  return tune(answer, { ...wish, effort: zones, wanted: 0.9 }, new Meter({}), scanned)
}

test.each([0.501, 0.7, 0.93, 0.998, 0.999])(
  'a promise of %d is told where it is the least that finds enough, in fewer rows',
  async (least) => {
    const found = await promising(least, () => 3000)
    expect(found).toMatchObject({ probes: 40, recall: 0.9, auto: { recall: least, found: 0.9, rows: 0.75 } })
    expect(found.tried.every(({ probes }) => probes! <= 90)).toBe(true)
  },
)

test('no promise is told that scans as many rows, or finds too little', async () => {
  expect(await promising(0.9, () => 4000)).not.toHaveProperty('auto')
  expect(await promising(1, () => 10)).not.toHaveProperty('auto')
})

test('steps of a tuned index end where they said', async () => {
  const told: number[][] = []
  const meter = new Meter({ onProgress: ({ done, total }) => told.push([done, total]) })
  const answer = answering((effort) => (effort >= effortFor(0.77) || effort === 90 ? 1 : 0.5), [])
  await tune(answer, { ...wish, effort: zones, wanted: 0.9 }, meter, async () => 1)
  expect(told.every(([done, total]) => done! <= total!)).toBe(true)
  expect(told.at(-1)![0]).toBe(told[0]![1])
})

test('answers that are cut otherwise than the exact ones are compared query by query', async () => {
  // Five queries, each with distances of its own; those of odd ones are found by an ef of 40 at least.
  const answer: Answer = async ({ effort, exact }) => {
    const cuts = exact ? [0, 2, 4, 5] : [0, 3, 5]
    return cuts.slice(1).map((end, chunk) => {
      const queries = Array.from({ length: end - cuts[chunk]! }, (_, at) => cuts[chunk]! + at)
      const missed = (query: number) => (!exact && query % 2 === 1 && effort < 40 ? 1 : 0)
      return {
        slots: new Uint32Array(queries.length * K),
        distances: Float32Array.from(queries.flatMap((query) => new Array(K).fill(query + missed(query)))),
        counts: new Uint32Array(queries.length).fill(K),
      }
    })
  }
  const found = await tune(answer, { ...wish, wanted: 0.95 }, new Meter({}))
  expect(found).toMatchObject({ ef: 40, recall: 1, reached: true })
  expect(found.tried.find(({ ef }) => ef === 20)!.recall).toBe(0.6)
})
