/** The search for the least `ef`, over answers whose recall is known in advance. */
import { expect, test } from 'vitest'
import { Meter } from '../src/api/progress.ts'
import { type Answer, tune } from '../src/api/tune.ts'

const K = 10

/** One query whose answers are right in `share(ef)` of ten places. */
function answering(share: (ef: number) => number, asked: number[]): Answer {
  return async ({ ef, exact }) => {
    if (!exact) asked.push(ef)
    const right = exact ? K : Math.round(share(ef) * K)
    const distances = Float32Array.from({ length: K }, (_, i) => (i < right ? 1 : 9))
    return [{ slots: new Uint32Array(K), distances, counts: Uint32Array.of(K) }]
  }
}

const wish = { k: K, rerank: true, walks: true, size: 5000 }

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
    { ...wish, walks: false, wanted: 1 },
    new Meter({}),
  )
  expect(found).toMatchObject({ ef: K, recall: 1, reached: true })
  expect(asked).toEqual([])
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
  const by = { k: 4, walks: true, size: 4, wanted: 0.6 }
  const found = await tune(answer, { ...by, rerank: false }, new Meter({}))
  expect(found).toMatchObject({ recall: 0.5, reached: false })
  expect(asked).toEqual([true, false])
  expect(await tune(answer, { ...by, rerank: true }, new Meter({}))).toMatchObject({ recall: 1 })
})
