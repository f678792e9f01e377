/**
 * Distances in float64, the yardstick of truth and recall: squared Euclidean, 1 − dot, 1 − cos.
 * Smaller is nearer; under cosine a vector of zeros is 1 away from everything.
 */

import type { Metric } from '../harness/contract.ts'
import type { Matrix } from './matrix.ts'

/**
 * How far float32 may be off, as a share of what was added up: a sum of a few hundred products loses
 * some 1e-7 of it, and neighbours that are really apart differ by a thousand times this.
 */
const FLOAT32_ROUNDING = 1e-6

/** From one query to any row of `base`. */
export type DistanceTo = (row: number) => number

export function distancesFrom(base: Matrix, metric: Metric, query: Float32Array): DistanceTo {
  const { dim, values } = base
  if (metric === 'l2') {
    return (row) => {
      let sum = 0
      for (let column = 0, at = row * dim; column < dim; column++, at++) {
        const apart = values[at]! - query[column]!
        sum += apart * apart
      }
      return sum
    }
  }
  if (metric === 'ip') {
    return (row) => {
      let dot = 0
      for (let column = 0, at = row * dim; column < dim; column++, at++) dot += values[at]! * query[column]!
      return 1 - dot
    }
  }
  const querySquares = squaresOf(query)
  return (row) => {
    let [dot, squares] = [0, 0]
    for (let column = 0, at = row * dim; column < dim; column++, at++) {
      const value = values[at]!
      dot += value * query[column]!
      squares += value * value
    }
    const lengths = Math.sqrt(squares * querySquares)
    return lengths > 0 ? 1 - dot / lengths : 1
  }
}

/**
 * How much farther than `distance` still counts as the same distance to an engine that adds in float32.
 * Squares do not cancel, so under l2 the sum is the distance itself; products do, and their sum is at
 * most the product of the lengths: 1 under cosine, |query| |row| under ip.
 */
export function roundingAt(base: Matrix, metric: Metric, query: Float32Array, row: number, distance: number) {
  if (metric === 'l2') return FLOAT32_ROUNDING * distance
  if (metric === 'cosine') return FLOAT32_ROUNDING
  const { dim, values } = base
  const squares = squaresOf(values.subarray(row * dim, (row + 1) * dim))
  return FLOAT32_ROUNDING * Math.sqrt(squares * squaresOf(query))
}

function squaresOf(vector: Float32Array): number {
  let sum = 0
  for (const value of vector) sum += value * value
  return sum
}
