/** Where two runs of bytes part. */

/** By halves, each compared as a whole. */
export function firstDifference(a: Uint8Array, b: Uint8Array): number | undefined {
  if (Buffer.compare(a, b) === 0) return undefined
  let [from, until] = [0, Math.min(a.length, b.length)]
  while (until - from > 1) {
    const middle = (from + until) >> 1
    if (Buffer.compare(a.subarray(from, middle), b.subarray(from, middle)) === 0) from = middle
    else until = middle
  }
  return from
}
