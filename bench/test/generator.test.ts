/** The wishes of the suite `generator` over made-up rates with known ratios. */
import { expect, test } from 'vitest'
import { claimed, type Measured } from '../suites/generator-report.ts'

const rate = (side: Measured['side'], threads: number, column: string, ...rates: number[]): Measured => ({
  table: side === 'page' ? 'Chromium' : 'bytes',
  side,
  threads,
  column,
  rates,
})

test('ratios are taken within rounds, against the higher of two limits, and only where both sides are', () => {
  const claims = claimed(
    [
      rate('nearfield', 1, '16 MiB', 20, 30, 40),
      rate('nearfield', 1, '256 MiB', 10, 10, 10),
      rate('dgen-py', 1, '16 MiB', 4, 3, 5),
      rate('memset', 1, '16 MiB', 10, 40, 20),
      rate('streamed', 1, '16 MiB', 25, 20, 10),
      rate('page', 1, '16 MiB', 5, 5, 5),
      rate('page', 2, '16 MiB', 9, 8, 10),
    ],
    'avx512',
  )
  const of = (what: string) => claims.find((claim) => claim.what.startsWith(what))
  expect(of('÷ dgen-py on 1 thread, 4')).toEqual({
    what: '÷ dgen-py on 1 thread, 4–64 MiB',
    wished: 5,
    measured: { '16 MiB': { median: 8, min: 5, max: 10 } },
  })
  expect(of('÷ what the machine stores')!.measured).toEqual({ '16 MiB': { median: 0.8, min: 0.75, max: 2 } })
  expect(of('Chromium on two threads')!.measured).toEqual({ '16 MiB': { median: 1.8, min: 1.6, max: 2 } })
  expect(of('÷ dgen-py on 1 thread, 256')).toBeUndefined()
  expect(claims).toHaveLength(3)
  expect(claimed([rate('nearfield', 1, '4 MiB', 4), rate('dgen-py', 1, '4 MiB', 1)], 'avx2')[0]!.wished).toBe(
    3.5,
  )
})
