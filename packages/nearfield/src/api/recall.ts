/**
 * Recall: the share of the true neighbours that a search finds, against exact search over the same
 * rows. Counted by distance, not by key: of two rows equally far either is a right answer. Distances by
 * codes are approximate, so answers by codes are counted by row: where two rows are equally far, that may
 * count a right answer as wrong.
 */
import type { RawHits } from '../backend.ts'

/** Two sums of the same numbers in another order may differ by this much of their size. */
const SLACK = 1e-6

export interface Tally {
  found: number
  wanted: number
}

/** Adds one batch; both answers are `k` wide and to the same queries. `byRow` for answers by codes. */
export function tally(total: Tally, answers: RawHits, exact: RawHits, k: number, byRow = false): void {
  for (let row = 0; row < exact.counts.length; row++) {
    const wanted = exact.counts[row]!
    if (wanted === 0) continue
    const farthest = exact.distances[row * k + wanted - 1]!
    const limit = farthest + SLACK * Math.abs(farthest)
    const got = Math.min(answers.counts[row]!, wanted)
    const right = byRow ? new Set(exact.slots.subarray(row * k, row * k + wanted)) : null
    for (let j = 0; j < got; j++) {
      const at = row * k + j
      if (right ? right.has(answers.slots[at]!) : answers.distances[at]! <= limit) total.found++
    }
    total.wanted += wanted
  }
}
