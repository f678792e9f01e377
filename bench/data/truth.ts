/**
 * The true neighbours: found by nearfield's own exact index, measured again in float64, and doubted.
 *
 *   flat index ─ depth + spare a query ─▶ float64 distances ─ sort, cut ─▶ Truth ─▶ crossCheck
 *
 * Invariants: distances are float64 of the vectors as stored, ascending; equal ones by ascending slot.
 */

import { buildIndex } from 'nearfield'
import type { Metric } from '../harness/contract.ts'
import { distancesFrom, roundingAt } from './distance.ts'
import { type Matrix, rowOf, rowsOf } from './matrix.ts'

const DEPTH = 100
/** The index compares in float32; what it puts just beyond the last place may belong before it. */
const SPARE = 16
const CHECKED_QUERIES = 20
/** An index that is wrong is wrong by more; float32 and another formula by far less. */
const CHECK_TOLERANCE = 1e-4

export interface Truth {
  /** Neighbours a query. */
  readonly depth: number
  /** Slots, `queries × depth`, nearest first. */
  readonly neighbours: Uint32Array<ArrayBuffer>
  readonly distances: Float64Array<ArrayBuffer>
}

export interface Vectors {
  readonly base: Matrix
  readonly queries: Matrix
  readonly metric: Metric
}

export type OnQueries = (done: number, total: number) => void

export async function exactTruth(vectors: Vectors, onQueries?: OnQueries): Promise<Truth> {
  const { base, queries, metric } = vectors
  await using index = await buildIndex(base.values, { kind: 'flat', dim: base.dim, metric })
  const found = await index.searchBatch(queries.values, {
    k: DEPTH + SPARE,
    exact: true,
    onProgress: ({ done, total }) => onQueries?.(done, total),
  })
  const depth = Math.min(DEPTH, index.size)
  const neighbours = new Uint32Array(rowsOf(queries) * depth)
  const distances = new Float64Array(neighbours.length)
  for (let query = 0; query < rowsOf(queries); query++) {
    const distanceTo = distancesFrom(base, metric, rowOf(queries, query))
    const nearest = found
      .row(query)
      .map(({ key }) => ({ slot: Number(key), distance: distanceTo(Number(key)) }))
      .sort((a, b) => a.distance - b.distance || a.slot - b.slot)
    for (const [place, { slot, distance }] of nearest.slice(0, depth).entries()) {
      neighbours[query * depth + place] = slot
      distances[query * depth + place] = distance
    }
  }
  return { depth, neighbours, distances }
}

/** Measures some queries against every row once more, in another way; throws where that differs. */
export function crossCheck(vectors: Vectors, truth: Truth): void {
  const queries = rowsOf(vectors.queries)
  const step = Math.max(1, Math.floor(queries / CHECKED_QUERIES))
  for (let query = 0; query < queries; query += step) checkQuery(vectors, truth, query)
}

function checkQuery(vectors: Vectors, { depth, neighbours, distances }: Truth, query: number): void {
  const all = plainDistances(vectors, query)
  const sorted = all.toSorted()
  const [first, seen] = [query * depth, new Set<number>()]
  for (let place = 0; place < depth; place++) {
    const [slot, distance, expected] = [neighbours[first + place]!, distances[first + place]!, sorted[place]!]
    const tolerance = CHECK_TOLERANCE * Math.abs(expected) + roundingOf(vectors, query, slot, expected)
    const differs = (other: number | undefined) => !(Math.abs(distance - other!) <= tolerance)
    if (differs(expected) || differs(all[slot]) || seen.has(slot)) {
      throw new Error(
        `truth of query ${query}, neighbour ${place + 1}: expected row ${all.indexOf(expected)} at ` +
          `${expected} (plain loops), received row ${slot}${seen.has(slot) ? ' once more' : ''} at ` +
          `${distance} (flat index), which plain loops put at ${all[slot]}`,
      )
    }
    seen.add(slot)
  }
}

/** Neighbours that came with the data must not be nearer than ours. They may be farther: some are. */
export function checkClaim(vectors: Vectors, truth: Truth, claimed: Uint32Array, claimedDepth: number): void {
  const { base, queries, metric } = vectors
  const depth = Math.min(truth.depth, claimedDepth)
  for (let query = 0; query < rowsOf(queries); query++) {
    const slots = claimed.subarray(query * claimedDepth, (query + 1) * claimedDepth)
    const far = slots.find((slot) => slot >= rowsOf(base))
    if (far !== undefined) throw new Error(`neighbours of query ${query}: no row ${far} of ${rowsOf(base)}`)
    const distances = Float64Array.from(slots, distancesFrom(base, metric, rowOf(queries, query))).sort()
    for (let place = 0; place < depth; place++) {
      const [ours, theirs] = [truth.distances[query * truth.depth + place]!, distances[place]!]
      if (theirs >= ours - roundingOf(vectors, query, slots[place]!, ours)) continue
      throw new Error(
        `truth of query ${query}, neighbour ${place + 1}: expected ${theirs} or less ` +
          `(the file's neighbours), received ${ours} (flat index)`,
      )
    }
  }
}

const roundingOf = ({ base, queries, metric }: Vectors, query: number, slot: number, distance: number) =>
  slot < rowsOf(base) ? roundingAt(base, metric, rowOf(queries, query), slot, distance) : 0

/** From lengths and dots for every metric, so that nothing is shared with `distancesFrom`. */
function plainDistances({ base, queries, metric }: Vectors, query: number): Float64Array {
  const { dim, values } = base
  const vector = Float64Array.from(rowOf(queries, query))
  const own = vector.reduce((sum, value) => sum + value * value, 0)
  const distances = new Float64Array(rowsOf(base))
  for (let row = 0; row < distances.length; row++) {
    let [dot, squares] = [0, 0]
    for (let column = 0; column < dim; column++) {
      const value = values[row * dim + column]!
      dot += value * vector[column]!
      squares += value * value
    }
    const cosine = own > 0 && squares > 0 ? dot / Math.sqrt(own * squares) : 0
    distances[row] = metric === 'l2' ? own + squares - 2 * dot : 1 - (metric === 'ip' ? dot : cosine)
  }
  return distances
}
