/**
 * Tests that need no battery: bits that balance, gaps of the right lengths, blocks and seeds that have
 * nothing to do with one another, lines that are nobody else's, floats of the distribution they are said
 * to be of. Each gives a statistic and the bound that chance keeps it under but once in some 10,000 runs or more.
 */
import { Generator, generateVectors } from 'nearfield'

export interface Outcome {
  readonly test: string
  readonly of: string
  readonly statistic: number
  readonly bound: number
}

const BLOCK = 65_536
const LINE = 64
/** Standard deviations: of some hundred figures one is beyond by chance once in 10,000 runs. */
const SIGMAS = 5

async function bytes(seed: number, size: number): Promise<Uint8Array> {
  await using source = new Generator({ size, seed })
  const out = new Uint8Array(size)
  await source.fillChunkAsync(out)
  return out
}

const ONES = Uint8Array.from({ length: 65_536 }, (_, value) => {
  let ones = 0
  for (let left = value; left > 0; left &= left - 1) ones++
  return ones
})

/** How far the ones of `a` xor `b` are from half, in standard deviations, by lane and all together. */
function balance(of: string, test: string, a: Uint8Array, b?: Uint8Array): Outcome[] {
  const [x, y] = [halves(a), b && halves(b)]
  const ones = new Float64Array(9)
  for (let at = 0; at < x.length; at++) {
    const count = ONES[y ? x[at]! ^ y[at]! : x[at]!]!
    ones[(at >> 2) & 7]! += count
    ones[8]! += count
  }
  const bits = x.length * 16
  return [...ones].map((count, lane) => {
    const all = lane === 8 ? bits : bits / 8
    const statistic = Math.abs(count - all / 2) / (Math.sqrt(all) / 2)
    return { test, of: `${of}, ${lane === 8 ? 'all' : `lane ${lane}`}`, statistic, bound: SIGMAS }
  })
}

const halves = ({ buffer, byteOffset, length }: Uint8Array) =>
  new Uint16Array(buffer as ArrayBuffer, byteOffset, length >> 1)

/** Words without one whose low three bits are zero: geometric with 1 ÷ 8, by χ² over the first forty lengths. */
function gaps(words: Uint32Array, of: string): Outcome {
  const lengths = 40
  const seen = new Float64Array(lengths + 1)
  let gap = 0
  let all = 0
  for (const word of words) {
    if (word & 7) gap++
    else {
      seen[Math.min(gap, lengths)]!++
      all++
      gap = 0
    }
  }
  let chi = 0
  for (let length = 0; length <= lengths; length++) {
    const share = length < lengths ? (7 / 8) ** length / 8 : (7 / 8) ** lengths
    chi += (seen[length]! - all * share) ** 2 / (all * share)
  }
  return { test: 'gaps', of, statistic: (chi - lengths) / Math.sqrt(2 * lengths), bound: 6 }
}

/** Lines that begin with the same word, among all lines of these seeds: by chance once in 10,000 runs or so. */
async function sharedLines(seeds: readonly number[], size: number): Promise<Outcome> {
  const lines = size / LINE
  const firsts = new BigUint64Array(lines * seeds.length)
  const piece = 1 << 26
  for (const [at, seed] of seeds.entries()) {
    await using source = new Generator({ size, seed })
    const room = new Uint8Array(Math.min(piece, size))
    const words = new BigUint64Array(room.buffer)
    for (let from = 0; from < size; from += room.length) {
      await source.fillChunkAsync(room)
      const begun = at * lines + from / LINE
      for (let line = 0; line < room.length / LINE; line++) firsts[begun + line] = words[line * 8]!
    }
  }
  firsts.sort()
  let shared = 0
  for (let at = 1; at < firsts.length; at++) if (firsts[at] === firsts[at - 1]) shared++
  return {
    test: 'lines that begin alike',
    of: `seeds ${seeds.join(', ')}, ${size / 2 ** 20} MiB each`,
    statistic: shared,
    bound: 0,
  }
}

/** Kolmogorov and Smirnov's distance × √n; beyond 2.2 once in 10,000 runs. */
function ks(of: string, numbers: Float32Array, below: (x: number) => number): Outcome {
  const sorted = numbers.toSorted()
  let distance = 0
  for (let at = 0; at < sorted.length; at++) {
    const wanted = below(sorted[at]!)
    distance = Math.max(
      distance,
      Math.abs(wanted - at / sorted.length),
      Math.abs(wanted - (at + 1) / sorted.length),
    )
  }
  return { test: 'Kolmogorov–Smirnov', of, statistic: distance * Math.sqrt(sorted.length), bound: 2.23 }
}

/** The normal distribution function, by the continued fraction or the series of Abramowitz and Stegun (26.2.10, 26.2.14). */
export function normal(x: number): number {
  const z = Math.abs(x)
  const density = Math.exp(-z * z * 0.5) / Math.sqrt(2 * Math.PI)
  let tail = 0
  if (z < 3) {
    let [term, sum] = [z, z]
    for (let n = 1; n < 60; n++) {
      term *= (z * z) / (2 * n + 1)
      sum += term
    }
    tail = 0.5 - density * sum
  } else {
    let fraction = 0
    for (let n = 60; n > 0; n--) fraction = n / (z + fraction)
    tail = density / (z + fraction)
  }
  return x < 0 ? tail : 1 - tail
}

/** All of them; `large` has a gibibyte of lines in place of some. */
export async function ownTests(large: boolean): Promise<Outcome[]> {
  const size = 64 * 2 ** 20
  const first = await bytes(7, size)
  const words = new Uint32Array(first.buffer as ArrayBuffer)
  const outcomes = [
    ...balance('seed 7', 'monobit', first),
    gaps(words, 'interleaved'),
    ...Array.from({ length: 8 }, (_, lane) => {
      const own = new Uint32Array(words.length / 8)
      for (let at = 0; at < own.length; at++) own[at] = words[(at >> 1) * 16 + lane * 2 + (at & 1)]!
      return gaps(own, `lane ${lane}`)
    }),
    ...balance('a block and the next', 'correlation', first.subarray(0, size - BLOCK), first.subarray(BLOCK)),
    ...balance('a line and the next', 'correlation', first.subarray(0, size - LINE), first.subarray(LINE)),
    ...balance('a lane and the next', 'correlation', first.subarray(0, size - 8), first.subarray(8)),
  ]
  for (const seed of [8, 6, 7 + 2 ** 32, 7 * 2 ** 40])
    outcomes.push(...balance(`seeds 7 and ${seed}`, 'correlation', first, await bytes(seed, size)))
  outcomes.push(await sharedLines([7, 8], large ? 2 ** 30 : 2 ** 26))
  const shape = { rows: 4096, dim: 1024, seed: 7 } as const
  const gaussian = await generateVectors({ ...shape, distribution: 'gaussian' })
  outcomes.push(ks('gaussian', gaussian, normal))
  outcomes.push(ks('uniform', await generateVectors(shape), (x) => (x + 1) / 2))
  const column = Float32Array.from({ length: shape.rows }, (_, row) => gaussian[row * shape.dim + 3]!)
  outcomes.push(ks('gaussian, one column', column, normal))
  return outcomes
}
