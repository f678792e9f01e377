/**
 * Recall by distance: an answer counts when it is as near as the true k-th neighbour, whichever row it
 * is. Rows of one text or one pixel tie, and an engine must not win or lose by which of them it names.
 */

import type { Dataset } from '../harness/contract.ts'
import { distancesFrom, roundingAt } from './distance.ts'
import { readExactly, rowOf, rowsOf } from './matrix.ts'
import type { Truth, Vectors } from './truth.ts'

/** A dataset's arrays: vectors and what is true of them. */
export interface Loaded extends Vectors, Truth {}

export async function loadDataset(dataset: Dataset): Promise<Loaded> {
  const { rows, dim, queries, depth, metric, paths } = dataset
  const base = new Float32Array(await readExactly(paths.base, rows * dim * 4))
  const asked = new Float32Array(await readExactly(paths.queries, queries * dim * 4))
  return {
    metric,
    base: { dim, values: base },
    queries: { dim, values: asked },
    depth,
    neighbours: new Uint32Array(await readExactly(paths.neighbours, queries * depth * 4)),
    distances: new Float64Array(await readExactly(paths.distances, queries * depth * 8)),
  }
}

/**
 * The share of true neighbours among the first `k` slots a query, over all queries. A slot counts when
 * its distance, in float64, is no more than the true k-th plus what float32 rounds away; once each.
 * Slots that are no rows count as misses. With fewer than `k` rows, all rows are wanted.
 */
export function recallOf(loaded: Loaded, slots: readonly ArrayLike<number>[], k: number): number {
  const { base, queries, metric, depth, neighbours, distances } = loaded
  const [rows, asked] = [rowsOf(base), rowsOf(queries)]
  const wanted = Math.min(k, rows)
  if (!(wanted >= 1 && wanted <= depth)) {
    throw new RangeError(`recall: expected k from 1 to ${depth}, the truth's depth, received ${k}`)
  }
  if (slots.length !== asked) {
    throw new RangeError(`recall: expected answers to ${asked} queries, received ${slots.length}`)
  }
  let hits = 0
  for (const [at, answer] of slots.entries()) {
    const query = rowOf(queries, at)
    const last = at * depth + wanted - 1
    const [kthSlot, kth] = [neighbours[last]!, distances[last]!]
    const limit = kth + roundingAt(base, metric, query, kthSlot, kth)
    const distanceTo = distancesFrom(base, metric, query)
    const seen = new Set<number>()
    for (let place = 0; place < Math.min(answer.length, wanted); place++) {
      const slot = answer[place]!
      const isRow = Number.isInteger(slot) && slot >= 0 && slot < rows
      if (!isRow || seen.has(slot)) continue
      seen.add(slot)
      if (distanceTo(slot) <= limit) hits++
    }
  }
  return hits / (wanted * asked)
}
