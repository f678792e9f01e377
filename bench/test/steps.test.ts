/** The suite `steps` over made-up lines with known ratios. */
import { expect, test } from 'vitest'
import { asText } from '../report/tables.ts'
import {
  fewest,
  type Line,
  type Measured,
  pictures,
  type StepName,
  speedUp,
  table,
} from '../suites/steps-report.ts'

const line = (step: StepName, effort: number, p50s: readonly number[]): Line => ({
  step,
  effort,
  recall: 0.9912,
  builds: [0.2, 0.4, 0.3],
  rounds: p50s.map((p50) => ({ p50, p99: 3 * p50, qps: 2e6 / p50 })),
})

const LINES: readonly Line[] = [
  line('baseline', 20, [1000, 1200, 1100]),
  line('floats', 20, [500, 300, 550]),
  { ...line('codes', 0, []), recall: 0, left: 'never reaches recall 0.989: 0.9800 at most' },
  line('hnsw', 60, [50, 60, 40]),
]

const MEASURED: Measured = {
  format: 1,
  date: '2026-03-01T12:00:00.000Z',
  command: 'npm run bench -- --suite steps',
  machine: { cpu: 'A & B', cores: 2, memoryGiB: 8, os: 'linux x64' },
  nearfield: '1.2.3',
  dataset: { name: 'clusters-10k-128', rows: 10_000, dim: 128, metric: 'l2' },
  questions: 500,
  threads: 2,
  isa: 'avx2',
  zones: 62,
  bits: 2,
  k: 10,
  recall: 0.989,
  lines: LINES,
}

test('the fewest are found from any guess, and with a good one by two questions', async () => {
  for (const [from, most] of [
    [1, 1],
    [1, 62],
    [10, 2000],
  ] as const) {
    for (const wanted of [from, from + 1, 37, most - 1, most].filter((at) => at >= from && at <= most)) {
      for (const guess of [1, wanted - 1, wanted, wanted + 5, most, 9999]) {
        const asked: number[] = []
        const enough = async (effort: number) => {
          asked.push(effort)
          return effort >= wanted
        }
        expect(await fewest(enough, [from, most], guess)).toBe(wanted)
        expect(asked.every((at) => at >= from && at <= most)).toBe(true)
        expect(new Set(asked).size).toBe(asked.length)
        if (guess === wanted) expect(asked.length).toBeLessThanOrEqual(2)
      }
    }
  }
  expect(await fewest(async () => false, [1, 62], 20)).toBeUndefined()
})

test('speed-ups are taken within rounds', () => {
  expect(speedUp(LINES, LINES[1]!, 'baseline')).toEqual({ median: 2, min: 2, max: 4 })
  expect(speedUp(LINES, LINES[3]!, 'baseline')).toEqual({ median: 20, min: 20, max: 27.5 })
  expect(speedUp(LINES, LINES[0]!, 'baseline')).toBeUndefined()
  expect(speedUp(LINES, LINES[2]!, 'baseline')).toBeUndefined()
  expect(speedUp(LINES, LINES[3]!, undefined)).toBeUndefined()
})

test('a row a step, with a dash where there is nothing and the reason where a step is left out', () => {
  const { rows, columns } = table(MEASURED)
  expect(rows.every((row) => row.length === columns.length)).toBe(true)
  expect(rows[0]).toEqual([
    'zones, plain f64 scan',
    '20',
    '0.9912',
    '300 ms (200–400)',
    '1.10 ms (1.00–1.20)',
    '3.30 ms (3.00–3.60)',
    '1,820 (1,670–2,000)',
    '—',
    '—',
  ])
  expect(rows[1]!.slice(-2)).toEqual(['2.00 (2.00–4.00)', '2.00 (2.00–4.00)'])
  expect(rows[2]!.slice(0, 3)).toEqual([
    '+ codes, exact re-rank',
    'never reaches recall 0.989: 0.9800 at most',
    '—',
  ])
  expect(rows[3]!.slice(-2)).toEqual(['—', '20.0 (20.0–27.5)'])
  expect(asText(table(MEASURED))).toContain('62 zones, codes of 2 bits a number, avx2, 500 questions')
})

test('the picture is there light and dark, names every step, and says what is left out', () => {
  const drawn = pictures(MEASURED)
  expect(drawn.map(({ name }) => name)).toEqual([
    'clusters-10k-128-steps-light',
    'clusters-10k-128-steps-dark',
  ])
  for (const { svg } of drawn) {
    for (const text of [
      'zones, plain f64 scan',
      '+ f32, norms kept',
      'HNSW',
      '50.0 µs, 20.0 ×',
      'A &amp; B',
      'never reaches',
    ])
      expect(svg).toContain(text)
    expect(svg).not.toMatch(/NaN|undefined|Infinity/)
  }
})
