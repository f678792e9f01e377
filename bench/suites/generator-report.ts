/** What the suite `generator` shows: tables by chunk or shape, and each wish beside what was measured. */
import type { Spread } from '../harness/contract.ts'
import { ratios, spread } from '../harness/statistics.ts'

/** Who wrote the bytes. */
export type Side =
  | 'nearfield'
  | 'nearfield avx2'
  | 'core'
  | 'memset'
  | 'streamed'
  | 'dgen-py'
  | 'new memory'
  | 'same memory'
  | 'clustered'
  | 'page'
  | `page ${number}`

export interface Measured {
  readonly table: 'bytes' | 'vectors' | 'Chromium'
  readonly side: Side
  readonly threads: number
  /** The chunk or the shape. */
  readonly column: string
  /** GB/s by round. */
  readonly rates: readonly number[]
  /** Why there are none. */
  readonly left?: string
}

/** A ratio that is wished for. */
export interface Claim {
  readonly what: string
  /** Nothing where no wish is about this machine's instructions. */
  readonly wished: number | null
  /** By column, the median with least and most. */
  readonly measured: Readonly<Record<string, Spread>>
}

const TITLES: Readonly<Record<Measured['table'], string>> = {
  bytes: 'bytes, GB/s by chunk',
  vectors: 'vectors of length 1, GB/s; clustered and dgen-py’s too',
  Chromium: 'WebAssembly in Chromium into its own memory, GB/s',
}

/** Prints all, and gives the ratios. */
export function printed(measured: readonly Measured[], simd: string): Claim[] {
  for (const table of ['bytes', 'vectors', 'Chromium'] as const) {
    const rows: Record<string, Record<string, string>> = {}
    for (const { side, threads, column, rates, left } of measured.filter((each) => each.table === table)) {
      const name = `${side}, ${threads} thread${threads > 1 ? 's' : ''}`
      rows[name] ??= {}
      rows[name][column] = left === undefined ? text(spread(rates), 2) : `left out: ${left}`
    }
    console.log(`\n${TITLES[table]}`)
    console.table(rows)
  }
  const claims = claimed(measured, simd)
  console.log('\nratios, the median of rounds (least–most), and what is wished for')
  for (const { what, wished, measured } of claims) {
    console.log(wished === null ? `  ${what}` : `  ${what}: ≥ ${wished}`)
    for (const [column, ratio] of Object.entries(measured))
      console.log(`    ${verdict(ratio, wished)}  ${column.padEnd(18)} ${text(ratio, 2)}`)
  }
  return claims
}

const text = ({ median, min, max }: Spread, digits: number) =>
  `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`

const verdict = ({ median }: Spread, wished: number | null) =>
  wished === null ? '   ' : median >= wished ? 'yes' : 'NO '

/** Every wish that has both its sides; some are of AVX-512, which writes as fast as memory takes it. */
export function claimed(measured: readonly Measured[], simd: string): Claim[] {
  const wide = simd.startsWith('avx512')
  const sides = (table: Measured['table'], side: Side, threads: number) =>
    measured.filter((each) => each.table === table && each.side === side && each.threads === threads)
  const claim = (
    what: string,
    wished: number | null,
    own: readonly Measured[],
    others: readonly (readonly Measured[])[],
    wanted: (column: string) => boolean = () => true,
  ): Claim => {
    const found: Record<string, Spread> = {}
    for (const { column, rates } of own) {
      if (!wanted(column)) continue
      const beside = others.flatMap((other) => other.filter((each) => each.column === column))
      // Of several limits the highest counts, round by round.
      const highest = rates.map((_, round) => {
        const there = beside.flatMap((each) => each.rates[round] ?? [])
        return there.length > 0 ? Math.max(...there) : undefined
      })
      const ratio = ratios(rates, highest)
      if (ratio) found[column] = ratio
    }
    return { what, wished, measured: found }
  }
  const mib = (column: string) => Number.parseInt(column, 10)
  const cached = (column: string) => mib(column) >= 4 && mib(column) <= 64
  const large = (column: string) => mib(column) >= 256
  const claims: Claim[] = []
  for (const threads of [1, 2]) {
    const on = `on ${threads} thread${threads > 1 ? 's' : ''}`
    const bytes = (side: Side) => sides('bytes', side, threads)
    const vectors = (side: Side) => sides('vectors', side, threads)
    const [own, peer] = [bytes('nearfield'), [bytes('dgen-py')]]
    claims.push(
      claim(`÷ dgen-py ${on}, 4–64 MiB`, threads === 2 ? 3 : wide ? 5 : 3.5, own, peer, cached),
      claim(`÷ dgen-py ${on}, 256 MiB and more`, 3, own, peer, large),
      claim(`÷ what the machine stores ${on}`, wide ? 0.9 : null, own, [bytes('memset'), bytes('streamed')]),
      claim(`÷ the core without a binding ${on}`, 0.95, own, [bytes('core')]),
      claim(`avx2 ÷ dgen-py ${on}, 4–64 MiB`, 3.5, bytes('nearfield avx2'), peer, cached),
      claim(`vectors into the same memory ÷ dgen-py ${on}`, 10, vectors('same memory'), [vectors('dgen-py')]),
      claim(`vectors into new memory ÷ dgen-py ${on}`, 2.5, vectors('new memory'), [vectors('dgen-py')]),
      claim(`clustered vectors ÷ dgen-py ${on}`, 4, vectors('clustered'), [vectors('dgen-py')]),
    )
  }
  const page = (threads: number) => sides('Chromium', 'page', threads)
  claims.push(
    claim('Chromium on one thread ÷ dgen-py on one', 1.5, page(1), [sides('Chromium', 'dgen-py', 1)]),
    claim('Chromium on two threads ÷ one', 1.7, page(2), [page(1)]),
  )
  return claims.filter(({ measured }) => Object.keys(measured).length > 0)
}
