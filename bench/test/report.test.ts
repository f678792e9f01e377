import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { DatasetResult, EngineResult, Results, Spread } from '../harness/contract.ts'
import { roundSteps } from '../report/bars.ts'
import { charts } from '../report/charts.ts'
import { compare, comparisonText } from '../report/compare.ts'
import { dodge, RECALL_TICKS, stretch } from '../report/curves.ts'
import { bytes, digits, micros, percent, ratio, recall, seconds, spreadOf } from '../report/format.ts'
import { wrapped } from '../report/frame.ts'
import { html } from '../report/html.ts'
import { readResults, writeReport } from '../report/main.ts'
import { allTables, asMarkdown, asText } from '../report/tables.ts'
import { looks, THEMES } from '../report/theme.ts'

const around = (median: number, share = 0.02): Spread => ({
  median,
  min: median * (1 - share),
  max: median * (1 + share),
})

/** Queries per second `speed` at recall 0.95. */
function engine(name: string, speed: number, rest: Partial<EngineResult> = {}): EngineResult {
  const at = (recall: number, qps: number) => ({
    recall,
    qps: around(qps),
    ratio: around(qps / 1000),
    latency: { p50: 1e6 / qps, p99: 3e6 / qps },
    batch: [1, 2].map((threads) => ({ threads, qps: around(qps * threads), ratio: around(qps / 1000) })),
  })
  return {
    name,
    family: name.split(' ')[0]!,
    kind: 'graph',
    version: '1.2.3',
    isa: 'avx2',
    knob: 'ef',
    builds: [1, 2].map((threads) => ({ threads, seconds: around(8 / threads) })),
    curve: [10, 20, 40].map((effort, step) => ({
      effort,
      recall: [0.9, 0.95, 0.99][step]!,
      qps: around((speed * 2) / 2 ** step),
    })),
    at: [at(0.9, speed * 2), at(0.95, speed), at(0.99, speed / 2)],
    indexBytes: 40 * 2 ** 20,
    peakBytes: 90 * 2 ** 20,
    fileBytes: 38 * 2 ** 20,
    loadSeconds: 0.02,
    ...rest,
  }
}

/** Spoils markup that is not escaped. */
const ODD = 'peer <a> & "b"'

const ENGINES = [
  engine('nearfield hnsw', 2500),
  engine('nearfield flat', 90, { knob: 'none', curve: [{ effort: 0, recall: 1, qps: around(90) }] }),
  engine('hnswlib', 1000),
  engine(ODD, 700),
  engine('coarse', 900, { at: [], builds: [], curve: [{ effort: 1, recall: 0.4, qps: around(900) }] }),
]

function results(engines: readonly EngineResult[] = ENGINES, rest: Partial<Results> = {}): Results {
  const dataset: DatasetResult = {
    name: 'verses & more',
    about: 'made up',
    rows: 31_102,
    dim: 256,
    metric: 'cosine',
    queries: 1000,
    M: 16,
    efConstruction: 200,
    engines,
  }
  return {
    format: 1,
    date: '2026-03-01T12:00:00.000Z',
    command: 'npm run bench',
    machine: { cpu: 'Some CPU', cores: 2, memoryGiB: 7.7, os: 'Linux' },
    nearfield: '1.0.0 (abc1234)',
    k: 10,
    rounds: 5,
    reference: 'hnswlib',
    datasets: [dataset],
    leftOut: [{ engine: 'late', reason: 'expected 2 lines, got none' }],
    ...rest,
  }
}

const fewer = <T extends object, K extends keyof T>(value: T, key: K): Omit<T, K> => {
  const { [key]: _, ...rest } = value
  return rest
}

/** An engine with one figure only, so that cells can be counted. */
function bare(name: string, qps: Spread): EngineResult {
  const empty = { builds: [], curve: [], at: [{ recall: 0.95, qps, batch: [] }] }
  return fewer(fewer(engine(name, 1, empty), 'indexBytes'), 'fileBytes')
}

test('numbers have three digits, separators and units', () => {
  expect([12_345, 1_234_567, 87.34, 0.01234, 0].map(digits)).toEqual([
    '12,300',
    '1,230,000',
    '87.3',
    '0.0123',
    '0',
  ])
  expect([2.499, 0.5, 9.999, 12.34, 0.0701].map(ratio)).toEqual(['2.50', '0.50', '10.0', '12.3', '0.070'])
  expect([0.9, 0.95, 0.999, 1].map(recall)).toEqual(['0.90', '0.95', '0.999', '1.00'])
  expect([0.0123, 0.9999, 12.34].map(seconds)).toEqual(['12.3 ms', '1.00 s', '12.3 s'])
  expect([56.24, 1234].map(micros)).toEqual(['56.2 µs', '1.23 ms'])
  expect([12, 2048, 31.5 * 2 ** 20, 2 ** 31].map(bytes)).toEqual(['12 B', '2.00 KiB', '31.5 MiB', '2.00 GiB'])
  expect([0.1234, -0.05].map(percent)).toEqual(['+12.3 %', '−5.0 %'])
  expect(spreadOf({ median: 12_345, min: 11_900, max: 12_800 }, digits)).toBe('12,300 (11,900–12,800)')
  expect(spreadOf({ median: 4.12, min: 3.92, max: 4.26 }, seconds)).toBe('4.12 s (3.92–4.26)')
  expect(spreadOf({ median: 1.02, min: 0.98, max: 1.1 }, seconds)).toBe('1.02 s (980 ms–1.10 s)')
  expect(spreadOf({ median: 2, min: 2, max: 2 }, ratio)).toBe('2.00')
  expect(spreadOf(undefined, digits)).toBe('—')
})

test('the recall axis stretches near 1 and has a place for 1', () => {
  const places = RECALL_TICKS.map(stretch)
  expect(places.every(Number.isFinite)).toBe(true)
  expect(places).toEqual(places.toSorted((a, b) => a - b))
  const [, at90, at95] = places
  // Half the misses is a step of log10(2), nearly.
  expect(at95! - at90!).toBeCloseTo(Math.log10(2), 1)
  const steps = places.slice(1).map((place, at) => place - places[at]!)
  expect(Math.min(...steps)).toBeGreaterThan(0.15)
})

test('labels keep their distance and stay inside', () => {
  const places = dodge([10, 12, 11, 95, 99], 10, 0, 100)
  const sorted = places.toSorted((a, b) => a - b)
  expect(sorted.slice(1).every((place, at) => place - sorted[at]! >= 10)).toBe(true)
  expect(sorted[0]).toBeGreaterThanOrEqual(0)
  expect(sorted.at(-1)).toBeLessThanOrEqual(100)
  // The order is kept.
  expect([0, 2, 1, 3, 4].map((at) => places[at])).toEqual(sorted)
  expect(dodge([50], 10, 0, 100)).toEqual([50])
})

test('axes from zero have round steps', () => {
  expect(roundSteps(17, 6)).toEqual([0, 5, 10, 15])
  expect(roundSteps(0.9, 5)).toHaveLength(5)
})

test('long lines are wrapped, words are not', () => {
  expect(wrapped('aaaa bbbb cccc', 70, 12)).toEqual(['aaaa bbbb', 'cccc'])
  expect(wrapped('a-word-wider-than-the-line', 10)).toEqual(['a-word-wider-than-the-line'])
})

test('families keep a colour, variants differ, only nearfield is strong', () => {
  for (const theme of THEMES) {
    const all = looks(results(), theme)
    const [hnsw, flat] = [all.get('nearfield hnsw')!, all.get('nearfield flat')!]
    expect(hnsw.colour).toBe(flat.colour)
    expect([hnsw.mark, hnsw.dashes]).not.toEqual([flat.mark, flat.dashes])
    expect([...all].filter(([, { own }]) => own).map(([name]) => name)).toEqual([
      'nearfield hnsw',
      'nearfield flat',
    ])
    expect(new Set([...all.values()].map(({ colour }) => colour)).size).toBe(4)
  }
})

test('more families than colours still differ', () => {
  const names = Array.from({ length: 30 }, (_, at) => `family${at} x`)
  const known = ['hnswlib', 'faiss', 'usearch', 'svs', 'rabitqlib', 'voyager', 'vsag', 'zvec', 'hnsw_rs']
  const all = looks(results([...known, ...names].map((name) => engine(name, 1))), THEMES[0]!)
  const seen = [...all.values()].map(({ colour, mark, dashes }) => `${colour} ${mark} ${dashes}`)
  expect(new Set(seen).size).toBe(39)
  const few = looks(results([engine('faiss', 1), engine('other', 1)]), THEMES[0]!)
  expect(few.get('faiss')!.colour).toBe(all.get('faiss')!.colour)
})

/** Throws where a parser of XML would. */
function tagsOf(xml: string): string[] {
  const token = /<(\/?)([A-Za-z][\w:.-]*)((?:\s+[\w:.-]+="[^"<]*")*)\s*(\/?)>|([^<]+)/y
  const [open, tags]: [string[], string[]] = [[], []]
  while (token.lastIndex < xml.length) {
    const at = token.lastIndex
    const found = token.exec(xml)
    if (!found) throw new Error(`expected a tag or text, got ${xml.slice(at, at + 80)}`)
    const [whole, closing, name, attributes = '', alone] = found
    if (/&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[\da-f]+);)/i.test(whole))
      throw new Error(`expected an escaped &, got ${whole}`)
    if (!name) continue
    const keys = [...attributes.matchAll(/([\w:.-]+)="/g)].map(([, key]) => key)
    if (new Set(keys).size < keys.length) throw new Error(`expected each attribute once, got ${whole}`)
    if (closing && open.pop() !== name) throw new Error(`expected the end of another tag, got ${whole}`)
    if (!closing && !alone) open.push(name)
    tags.push(name)
  }
  if (open.length) throw new Error(`expected all tags closed, got ${open.join(' ')} open`)
  return tags
}

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

test('pictures are well-formed, self-contained and name every engine', () => {
  const pictures = charts(results())
  expect(pictures.map(({ name }) => name)).toEqual(
    ['curves', 'build', 'memory', 'latency'].flatMap((kind) =>
      ['light', 'dark'].map((theme) => `verses-more-${kind}-${theme}`),
    ),
  )
  for (const { svg } of pictures) {
    expect(tagsOf(svg)[0]).toBe('svg')
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" width="830"/)
    expect(svg).not.toMatch(/href|url\(http|@import|NaN|undefined/)
    for (const size of svg.matchAll(/font-size="([\d.]+)/g))
      expect(Number(size[1])).toBeGreaterThanOrEqual(12)
    const text = svg.replaceAll('&quot;', '"')
    for (const { name } of ENGINES) expect(text).toContain(escaped(name))
    for (const part of ['Some CPU', '2026-03-01 12:00 UTC', 'npm run bench']) expect(svg).toContain(part)
  }
})

test('the log axis writes all of its ticks', () => {
  const latency = charts(results()).find(({ kind }) => kind === 'latency')!.svg
  for (const tick of ['500', '1,000', '2,000', '5,000', '10,000']) expect(latency).toContain(`>${tick}<`)
})

test('a dataset without figures has no pictures', () => {
  expect(charts(results([]))).toEqual([])
  const text = allTables(results([])).map(asText).join('\n')
  expect(text).toContain('Versions')
})

test('tables hold the figures, for a terminal and as Markdown', () => {
  const [ratios, speed, batch, costs, versions, leftOut] = allTables(results())
  expect(ratios!.rows[0]).toEqual([
    'nearfield hnsw',
    '5.00 (4.90–5.10)',
    '2.50 (2.45–2.55)',
    '1.25 (1.23–1.27)',
  ])
  expect(speed!.rows[4]).toEqual(['coarse', '—', '—', '—', '0.4000'])
  expect(batch!.rows[2]!.slice(1)).toEqual([
    '1,000 (980–1,020)',
    '2,000 (1,960–2,040)',
    '1.00 (0.98–1.02)',
    '1.00 (0.98–1.02)',
    '1.00 ms',
    '3.00 ms',
  ])
  expect(costs!.rows[0]!.slice(1, 4)).toEqual(['8.00 s (7.84–8.16)', '4.00 s (3.92–4.08)', '40.0 MiB'])
  expect(versions!.rows).toContainEqual(['nearfield flat', '1.2.3', 'avx2', 'graph', '—'])
  expect(leftOut!.rows).toEqual([['late', 'all', 'expected 2 lines, got none']])
  const lines = asText(speed!).split('\n')
  expect(new Set(lines.slice(1).map((line) => line.length)).size).toBe(1)
  expect(asMarkdown(speed!)).toContain('| engine | recall 0.90 |')
  expect(asMarkdown(speed!)).toContain('|---|--:|--:|--:|--:|')
})

test('the report is one file with pictures, tables and protocol', () => {
  const page = html(results(), charts(results()))
  expect(page).not.toMatch(/<(?:script|link|img)|src=|url\(/)
  expect(page.match(/<figure/g)).toHaveLength(4)
  for (const part of [
    'prefers-color-scheme',
    'peer &lt;a&gt; &amp; &quot;b&quot;',
    'expected 2 lines',
    'npm run bench',
  ])
    expect(page).toContain(part)
})

test('a report is written from a file, which must be of this format', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'report-'))
  try {
    const path = join(folder, 'run.json')
    await writeFile(path, JSON.stringify(results()))
    const names = await writeReport(await readResults(path), join(folder, 'out'))
    expect(names).toHaveLength(10)
    expect((await readdir(join(folder, 'out'))).toSorted()).toEqual(names.toSorted())
    expect(await readFile(join(folder, 'out', 'tables.md'), 'utf8')).toContain('**Left out**')
    await writeFile(path, '{"format":2}')
    await expect(readResults(path)).rejects.toThrow('expected results of format 1, got format 2')
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('compare: equal runs agree in every cell', () => {
  const found = compare(results(), results())
  expect(found).toMatchObject({ rows: [], small: 0, agreeShare: 1, onlyA: [], onlyB: [], notes: [] })
  expect(found.agree).toBe(found.cells)
  expect(comparisonText(found)).toContain('Nothing moved beyond the noise.')
})

test('compare: spreads apart and medians 3 % apart count, nothing else does', () => {
  const a = results([
    bare('overlaps', { median: 100, min: 90, max: 110 }),
    bare('moves', { median: 100, min: 99, max: 101 }),
    bare('hardly', { median: 100, min: 99.5, max: 100.5 }),
    bare('gone', around(1)),
  ])
  const b = results([
    bare('overlaps', { median: 120, min: 110, max: 130 }),
    bare('moves', { median: 80, min: 79, max: 81 }),
    bare('hardly', { median: 102, min: 101, max: 103 }),
    bare('new', around(1)),
  ])
  const found = compare(a, b)
  expect(found).toMatchObject({ cells: 3, agree: 1, small: 1, agreeShare: 1 / 3 })
  expect(found.kinds).toEqual([{ kind: 'speed', cells: 3, agree: 1 }])
  expect(found.rows.map(({ engine, measure }) => [engine, measure])).toEqual([['moves', 'queries/s at 0.95']])
  expect(found.rows[0]!.change).toBeCloseTo(-0.2)
  expect([found.onlyA, found.onlyB]).toEqual([['gone on verses & more'], ['new on verses & more']])
  const text = comparisonText(found)
  for (const part of [
    '100 (99.0–101)',
    '80.0 (79.0–81.0)',
    '−20.0 %',
    '1 of 3 cells with a spread (33.3 %)',
    'Only in A: gone',
  ])
    expect(text).toContain(part)
})

test('compare: ratios come first; another machine leaves out what depends on it', () => {
  const [a, b] = [results([engine('x', 1000)]), results([engine('x', 2000)])]
  const measures = compare(a, b).rows.map(({ measure }) => measure)
  expect(measures.slice(0, 3)).toEqual([
    'ratio at 0.90',
    'batch ratio at 0.90, 1 thread',
    'batch ratio at 0.90, 2 threads',
  ])
  expect(measures).toContain('queries/s at 0.95')
  const other = { ...b, machine: { ...b.machine, cpu: 'Other CPU' } }
  const found = compare(a, other)
  expect(found.rows.map(({ kind }) => kind)).toEqual(Array(9).fill('ratio'))
  // Ratios; recalls and the file have no spread.
  expect(found.cells).toBe(9)
  expect(found.notes.join()).toMatch(/machines differ .*Other CPU/)
})

test('compare: recall counts by its difference, and other questions are not compared', () => {
  const curve = (recall: number) => [{ effort: 10, recall, qps: around(10) }]
  const [a, b] = [0.99, 0.98].map((recall) => results([engine('x', 1000, { curve: curve(recall) })]))
  const [row] = compare(a!, b!).rows
  expect(row).toMatchObject({ measure: 'recall at ef 10', kind: 'recall' })
  expect(row!.change).toBeCloseTo(-0.01)
  expect(comparisonText(compare(a!, b!))).toContain('−0.0100')
  const wider = { ...a!, datasets: a!.datasets.map((dataset) => ({ ...dataset, rows: 5 })) }
  expect(compare(a!, wider)).toMatchObject({ cells: 0, rows: [] })
  expect(compare(a!, wider).notes).toEqual(['verses & more is not compared: rows 31102 and 5.'])
  const reference = compare(a!, { ...a!, reference: 'other' })
  expect(reference.notes.join()).toContain('references differ')
  expect(reference.cells).toBe(compare(a!, a!).cells - 9)
})
