/**
 * Data made from a seed, the same in every runtime (integers and one multiplication only), and the
 * oracle: exact distances in f64, nothing shared with the product.
 */

export type Metric = 'l2' | 'ip' | 'cosine'
export const METRICS: readonly Metric[] = ['l2', 'ip', 'cosine']

/** A sequence of 32-bit numbers (Weyl step and a mixing function). */
export function randomSource(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = state
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }
}

/** Rows around `centres` points, coordinates multiples of 2⁻¹⁰ in about −2 … 2: exact in f32. */
export function clustered(rows: number, dim: number, seed: number, centres = 24): Float32Array {
  const next = randomSource(seed)
  const draw = () => (next() >>> 21) / 1024 - 1
  const middle = Float32Array.from({ length: centres * dim }, draw)
  const data = new Float32Array(rows * dim)
  for (let row = 0; row < rows; row++) {
    const centre = next() % centres
    for (let d = 0; d < dim; d++) data[row * dim + d] = middle[centre * dim + d]! + draw() / 4
  }
  return data
}

export function row(data: Float32Array, dim: number, index: number): Float32Array {
  return data.subarray(index * dim, (index + 1) * dim)
}

export function distance(metric: Metric, a: Float32Array, b: Float32Array): number {
  let dot = 0
  let square = 0
  let aa = 0
  let bb = 0
  for (let i = 0; i < a.length; i++) {
    const x = a[i]!
    const y = b[i]!
    dot += x * y
    square += (x - y) * (x - y)
    aa += x * x
    bb += y * y
  }
  if (metric === 'l2') return square
  if (metric === 'ip') return 1 - dot
  return aa === 0 || bb === 0 ? 1 : Math.min(2, Math.max(0, 1 - dot / Math.sqrt(aa * bb)))
}

export interface Answer {
  readonly slot: number
  readonly distance: number
}

/** The `k` nearest rows by exhaustion, ties by slot. */
export function nearest(
  metric: Metric,
  data: Float32Array,
  dim: number,
  query: Float32Array,
  k: number,
): Answer[] {
  const all: Answer[] = []
  for (let slot = 0; slot * dim < data.length; slot++) {
    all.push({ slot, distance: distance(metric, row(data, dim, slot), query) })
  }
  return all.sort((a, b) => a.distance - b.distance || a.slot - b.slot).slice(0, k)
}
