/**
 * Numbers of rounds put together: the middle with its spread, a curve read at a recall, ratios taken
 * within a round. Nothing here measures anything.
 */
import type { Spread } from './contract.ts'

/** One setting of an engine in one round. */
export interface Point {
  readonly effort: number
  readonly recall: number
  readonly qps: number
}

/** Median (of an even count the mean of the middle two), least and most. */
export function spread(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('a spread needs at least one value, received none')
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
  return { median, min: sorted[0]!, max: sorted.at(-1)! }
}

/** The points that no other beats in both recall and speed, from low recall to high. */
export function front<P extends { readonly recall: number }>(
  points: readonly P[],
  speed: (point: P) => number,
): P[] {
  const best: P[] = []
  for (const point of points.toSorted((a, b) => b.recall - a.recall || speed(b) - speed(a)))
    if (best.length === 0 || speed(point) > speed(best.at(-1)!)) best.push(point)
  return best.reverse()
}

/**
 * Queries per second at `recall`: between the two points of the front around it, straight in recall and
 * in the logarithm of speed. A curve that starts above gives its first point, for it could only be
 * faster; one that never gets there gives `undefined`.
 */
export function qpsAt(points: readonly Point[], recall: number): number | undefined {
  const curve = front(points, ({ qps }) => qps)
  const at = curve.findIndex((point) => point.recall >= recall)
  const [left, right] = [curve[at - 1], curve[at]]
  if (!right) return undefined
  if (!left || right.recall === recall) return right.qps
  const share = (recall - left.recall) / (right.recall - left.recall)
  return Math.exp(Math.log(left.qps) + share * Math.log(right.qps / left.qps))
}

/** Own ÷ reference, round by round; `undefined` where a round lacks one of them. */
export function ratios(
  own: readonly (number | undefined)[],
  reference: readonly (number | undefined)[],
): Spread | undefined {
  const both = own.flatMap((value, round) => {
    const other = reference[round]
    return value === undefined || other === undefined ? [] : [value / other]
  })
  return both.length > 0 ? spread(both) : undefined
}

/** The spread of the rounds that have a value. */
export function spreadOf(values: readonly (number | undefined)[]): Spread | undefined {
  const there = values.filter((value) => value !== undefined)
  return there.length > 0 ? spread(there) : undefined
}

/** The median, and the least and the most in brackets. */
export const spreadText = ({ median, min, max }: Spread, digits: number) =>
  `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`
