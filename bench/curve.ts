/** Recall against speed: points of one round, read at a wanted recall, and rounds put together. */

export interface Point {
  readonly ef: number
  readonly recall: number
  readonly qps: number
}

/**
 * Queries per second at `recall`: between the two points around it, straight in recall and in the
 * logarithm of speed. A curve that starts above gives its first point (it could only be faster); one
 * that never gets there gives `undefined`.
 */
export function qpsAt(curve: readonly Point[], recall: number): number | undefined {
  const at = curve.findIndex((point) => point.recall >= recall)
  const [left, right] = [curve[at - 1], curve[at]]
  if (!right) return undefined
  if (!left) return right.qps
  const share = (recall - left.recall) / (right.recall - left.recall)
  return Math.exp(Math.log(left.qps) + share * Math.log(right.qps / left.qps))
}

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
  return { median, min: sorted[0]!, max: sorted.at(-1)! }
}

/** The share of `k` answers a row that are in that row's `truth`, which may hold more than `k` equals. */
export function recallOf(
  found: ReadonlyArray<ArrayLike<number>>,
  truth: readonly ReadonlySet<number>[],
  k: number,
): number {
  let hits = 0
  truth.forEach((set, row) => {
    for (const slot of Array.from(found[row] ?? [])) if (set.has(slot)) hits++
  })
  return hits / (k * truth.length)
}
