/**
 * Generated vectors that look like embeddings: clusters, and columns that matter less and less.
 *
 *   number (row, column j) = (centre of the row's cluster (j) + width · noise) · √(tau ÷ (tau + j))
 *
 * Centres and noise are `RandomStream.normals`, a row's cluster is `below(clusters)` before its noise;
 * all in float64, rounded once to float32. Stream 0 gives the centres, 1 the rows, 2 the queries, so
 * queries are of the same distribution and never rows. The same on every machine: no function but √.
 *
 * Up to a width of 1 a cluster's few members are far from all others and any graph finds them all;
 * beyond it clusters overlap, and a graph has to search. Widths and taus of the catalogue are such that
 * a graph with M 16, efConstruction 200 and ef 100 finds some 0.9 to 0.98 of the ten nearest: neither
 * all nor few.
 */

import type { Matrix } from './matrix.ts'
import { RandomStream } from './random.ts'

/** Between two reports. */
const BLOCK_ROWS = 1 << 14

const STREAM = { centres: 0, rows: 1, queries: 2 } as const

export interface ClusterRecipe {
  readonly seed: number
  readonly dim: number
  readonly clusters: number
  /** The spread within a cluster, in units of the spread of the centres. */
  readonly width: number
  /** The column whose variance is half of the first one's. */
  readonly tau: number
}

export type OnRows = (done: number, total: number) => void

export async function clusterVectors(
  recipe: ClusterRecipe,
  part: 'rows' | 'queries',
  count: number,
  onRows?: OnRows,
): Promise<Matrix> {
  const { seed, dim, clusters, width, tau } = recipe
  const centres = new Float64Array(clusters * dim)
  new RandomStream(seed, STREAM.centres).normals(centres)
  const scales = Float64Array.from({ length: dim }, (_, column) => Math.sqrt(tau / (tau + column)))
  const stream = new RandomStream(seed, STREAM[part])
  const noise = new Float64Array(dim)
  const values = new Float32Array(count * dim)
  for (let row = 0, at = 0; row < count; row++) {
    const centre = stream.below(clusters) * dim
    stream.normals(noise)
    for (let column = 0; column < dim; column++, at++) {
      values[at] = (centres[centre + column]! + width * noise[column]!) * scales[column]!
    }
    if ((row + 1) % BLOCK_ROWS > 0) continue
    onRows?.(row + 1, count)
    await new Promise(setImmediate)
  }
  return { dim, values }
}
