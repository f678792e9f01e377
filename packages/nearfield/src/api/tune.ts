/**
 * The least effort that reaches a recall: `ef` is doubled until it does, then the step between the last
 * two is halved. Recall grows with `ef` but for a query here and there, so what is found is the least
 * `ef` or next to it, and what it reaches was measured, not concluded.
 *
 *   exact answers, once ─▶ ef = k, 2k, 4k … reached ─▶ bisect (last that did not, first that did]
 */
import type { RawHits, SearchParams } from '../backend.ts'
import { EF_MAX } from '../generated/constants.ts'
import { NearfieldError, shown } from './errors.ts'
import type { Meter } from './progress.ts'
import { type Tally, tally } from './recall.ts'

/** What to search with, and what that was measured to find. */
export interface Tuned {
  readonly k: number
  /** Pass it to `search`. A flat index has no use for it and gets `k`. */
  readonly ef: number
  /** The share of true neighbours found with this `ef`. */
  readonly recall: number
  /** False where even the largest `ef` finds less than was asked for; the rest then tells of the best. */
  readonly reached: boolean
  /** Every `ef` that was measured, ascending. */
  readonly tried: readonly { readonly ef: number; readonly recall: number }[]
}

/** What is asked for, of which index. */
export interface Wish {
  readonly k: number
  /** False to answer by codes. */
  readonly rerank: boolean
  readonly wanted: number
  /** False where every search is exact. */
  readonly walks: boolean
  readonly size: number
}

/** All queries answered, chunk by chunk, always cut alike. */
export type Answer = (params: SearchParams, report: Meter) => Promise<readonly RawHits[]>

export function checkRecall(recall: unknown): number {
  if (typeof recall === 'number' && recall > 0 && recall <= 1) return recall
  throw new NearfieldError('OPTION', `recall must be above 0 and at most 1, received ${shown(recall)}`)
}

export async function tune(answer: Answer, wish: Wish, meter: Meter): Promise<Tuned> {
  const { k, rerank, wanted, walks, size } = wish
  // Answers of one measurement are not this call's progress: its steps are the measurements.
  const quiet = meter.quiet()
  const exact = await answer({ k, ef: 0, exact: true, rerank: true }, quiet)
  const tried = new Map<number, number>()
  const most = walks ? Math.max(k, Math.min(size, EF_MAX)) : k
  // The exact answers, the doublings, and a bisection of the last and widest of them.
  const steps = 2 + Math.ceil(Math.log2(most / k)) + Math.ceil(Math.log2(most))
  await meter.step('search', 1, steps)
  const measure = async (ef: number): Promise<number> => {
    const total: Tally = { found: 0, wanted: 0 }
    const answers = walks ? await answer({ k, ef, exact: false, rerank }, quiet) : exact
    for (const [chunk, found] of answers.entries()) tally(total, found, exact[chunk]!, k, !rerank)
    const recall = total.wanted === 0 ? 1 : total.found / total.wanted
    tried.set(ef, recall)
    await meter.step('search', tried.size + 1, steps)
    return recall
  }
  let ef = k
  let below = k - 1
  while ((await measure(ef)) < wanted && ef < most) {
    below = ef
    ef = Math.min(most, ef * 2)
  }
  while (tried.get(ef)! >= wanted && ef - below > 1) {
    const middle = below + Math.floor((ef - below) / 2)
    if ((await measure(middle)) >= wanted) ef = middle
    else below = middle
  }
  await meter.step('search', steps, steps)
  const ascending = [...tried].map(([ef, recall]) => ({ ef, recall })).sort((a, b) => a.ef - b.ef)
  return { k, ef, recall: tried.get(ef)!, reached: tried.get(ef)! >= wanted, tried: ascending }
}
