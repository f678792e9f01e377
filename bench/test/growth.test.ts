/** The suite `growth` over made-up results whose growth is known. */
import { expect, test } from 'vitest'
import type { DatasetResult, EngineResult, Results, Spread } from '../harness/contract.ts'
import { asText } from '../report/tables.ts'
import { beyondSorting, pictures, table } from '../suites/growth-report.ts'

const exactly = (value: number): Spread => ({ median: value, min: value, max: value })

const engine = (name: string, build: number, qps: number | undefined, fileBytes: number): EngineResult => ({
  name,
  family: 'nearfield',
  kind: 'graph',
  version: '1.2.3',
  isa: 'avx2',
  knob: 'ef',
  builds: [
    { threads: 1, seconds: exactly(2 * build) },
    { threads: 2, seconds: exactly(build) },
  ],
  curve: [],
  at:
    qps === undefined
      ? []
      : [{ recall: 0.95, qps: exactly(qps), latency: { p50: 100, p99: 150 }, batch: [] }],
  indexBytes: 3 * 2 ** 20,
  peakBytes: 4 * 2 ** 20,
  fileBytes,
})

const dataset = (rows: number, engines: readonly EngineResult[]): DatasetResult => ({
  name: `clusters-${rows}`,
  about: `${rows} rows`,
  rows,
  dim: 100,
  metric: 'l2',
  queries: 500,
  M: 16,
  efConstruction: 200,
  engines,
})

/** Largest first: the report puts them in order. The first engine grows as n log n, the second as n². */
const RESULTS: Results = {
  format: 1,
  date: '2026-03-01T12:00:00.000Z',
  command: 'npm run bench -- --suite growth',
  machine: { cpu: 'A & B', cores: 2, memoryGiB: 8, os: 'linux x64' },
  nearfield: '1.2.3',
  k: 10,
  rounds: 2,
  reference: 'hnswlib',
  datasets: [
    dataset(1_000_000, [
      engine('graph', 6, 1000, 1_000_000 * 648),
      engine('square', 100, undefined, 1_000_000 * 492),
    ]),
    dataset(1000, [engine('graph', 0.003, 30_000, 1000 * 648), engine('square', 0.0001, 90_000, 1000 * 492)]),
  ],
  leftOut: [],
}

test('growth is judged beside n log n, on the largest number of threads', () => {
  const step = (at: number, which: number) => {
    const { rows, dim, engines } = RESULTS.datasets[at]!
    return { rows, dim, engine: engines[which]! }
  }
  // A thousand times the rows and twice their logarithm.
  expect(beyondSorting(step(0, 0), step(1, 0))).toBeCloseTo(1, 10)
  expect(beyondSorting(step(0, 1), step(1, 1))).toBeCloseTo(500, 8)
  expect(beyondSorting(step(1, 0), undefined)).toBeUndefined()
})

test('the table goes from few rows to many, engine by engine', () => {
  const { columns, rows } = table(RESULTS)
  expect(columns).toHaveLength(7)
  expect(rows).toEqual([
    ['graph, 1,000', '3.00 ms', '—', '3.00 MiB', '248', '30,000', '1.50'],
    ['graph, 1,000,000', '6.00 s', '1.00', '3.00 MiB', '248', '1,000', '1.50'],
    ['square, 1,000', '0.100 ms', '—', '3.00 MiB', '92', '90,000', '1.50'],
    ['square, 1,000,000', '100 s', '500', '3.00 MiB', '92', '—', '—'],
  ])
  expect(asText(table(RESULTS))).toContain('1,000 to 1,000,000 rows')
})

test('both pictures name every engine, and lines end where figures do', () => {
  for (const { svg } of pictures(RESULTS)) {
    for (const name of ['graph', 'square']) expect(svg.split(`>${name}<`)).toHaveLength(3)
    expect(svg).toContain('A &amp; B')
    expect(svg).not.toMatch(/NaN|Infinity|undefined/)
  }
})
