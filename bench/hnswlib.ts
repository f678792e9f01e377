/**
 * nearfield from Node beside Python's hnswlib: the 31,102 verses (cosine, M 16, efConstruction 200),
 * one machine, one run, rounds in turn.
 *
 *   npm run bench:hnswlib -- [--rounds 5] [--builds 3] [--queries 1000] [--out file.json]
 *
 * Search is one thread, every call included; hnswlib is given its faster way, one Python call for all
 * queries, and the way of a caller with one query at a time. Truth is an exact scan in float64, made here.
 * A ratio is taken within a round, so that a slow moment of the machine hits both sides.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildIndex, type Index } from 'nearfield'
import { loadEmbedder, loadVerses } from '../examples/verses/embedder/load-node.ts'
import { embedTexts, heldOutQuestions } from '../examples/verses/embedder/verses.ts'
import { type Point, qpsAt, recallOf, type Spread, spread } from './curve.ts'
import { Peer, pythonWith } from './python.ts'

const K = 10
const M = 16
const EF_CONSTRUCTION = 200
const EFS = [10, 12, 14, 17, 20, 24, 28, 34, 40, 48, 58, 70, 90, 120, 160, 220]
const TARGETS = [0.9, 0.95, 0.99]
const BUILD_THREADS = 2
/** Less than this apart is the same distance: the rounding of 256 products in float32. */
const TIE = 1e-6
/** Long enough for a clock to be exact, short enough that one point's sides meet the same machine. */
const POINT_SECONDS_MIN = 0.15

const SIDES = ['nearfield searchInto', 'nearfield search', 'hnswlib batch', 'hnswlib each'] as const
type Side = (typeof SIDES)[number]
type Measure = (ef: number) => Promise<{ qps: number; found: ReadonlyArray<ArrayLike<number>> }>

interface Data {
  readonly dim: number
  readonly vectors: Float32Array
  readonly queries: Float32Array
  readonly truth: readonly Set<number>[]
}

async function loadData(queryCount: number): Promise<Data> {
  const [embedder, verses] = await Promise.all([loadEmbedder(), loadVerses()])
  const vectors = embedTexts(
    embedder,
    verses.map(({ text }) => text),
  )
  const queries = embedTexts(embedder, heldOutQuestions(verses, queryCount))
  const { dim } = embedder
  return { dim, vectors, queries, truth: rowsOf(queries, dim).map((query) => exact(vectors, query)) }
}

function rowsOf(matrix: Float32Array, dim: number): Float32Array[] {
  return Array.from({ length: matrix.length / dim }, (_, row) => matrix.subarray(row * dim, (row + 1) * dim))
}

/** Every row as near as the K-th: some verses are the same text, and either one is right. */
function exact(vectors: Float32Array, query: Float32Array): Set<number> {
  const dots = new Float64Array(vectors.length / query.length)
  for (let at = 0, slot = 0; slot < dots.length; slot++) {
    let dot = 0
    for (let i = 0; i < query.length; i++, at++) dot += vectors[at]! * query[i]!
    dots[slot] = dot
  }
  const least = dots.toSorted().at(-K)! - TIE
  const nearest = new Set<number>()
  dots.forEach((dot, slot) => {
    if (dot >= least) nearest.add(slot)
  })
  return nearest
}

const build = (data: Data) =>
  buildIndex(data.vectors, {
    dim: data.dim,
    kind: 'hnsw',
    metric: 'cosine',
    M,
    efConstruction: EF_CONSTRUCTION,
    threads: BUILD_THREADS,
    backend: 'native',
  })

const askBuild = (peer: Peer) =>
  peer.ask<{ seconds: number }>({
    do: 'build',
    threads: BUILD_THREADS,
    m: M,
    ef_construction: EF_CONSTRUCTION,
  })

/** Seconds of both sides, taking turns at going first. */
async function buildRounds(data: Data, peer: Peer, rounds: number) {
  const seconds = { nearfield: [] as number[], hnswlib: [] as number[] }
  const ours = async () => {
    const started = performance.now()
    const index = await build(data)
    seconds.nearfield.push((performance.now() - started) / 1000)
    await index.close()
  }
  const theirs = async () => void seconds.hnswlib.push((await askBuild(peer)).seconds)
  for (let round = 0; round < rounds; round++) {
    for (const side of round % 2 ? [theirs, ours] : [ours, theirs]) await side()
  }
  return seconds
}

/** Calls `one` for every query until the clock has had enough. */
async function timed(
  queries: readonly Float32Array[],
  one: (query: Float32Array) => unknown,
): Promise<number> {
  let [calls, seconds] = [0, 0]
  for (const started = performance.now(); seconds < POINT_SECONDS_MIN; ) {
    for (const query of queries) {
      const answer = one(query)
      if (answer instanceof Promise) await answer
    }
    calls += queries.length
    seconds = (performance.now() - started) / 1000
  }
  return calls / seconds
}

function measures(data: Data, index: Index, peer: Peer): Record<Side, Measure> {
  const queries = rowsOf(data.queries, data.dim)
  const [slots, distances] = [new Uint32Array(K), new Float32Array(K)]
  const ours =
    (one: (query: Float32Array, ef: number) => unknown): Measure =>
    async (ef) => {
      const qps = await timed(queries, (query) => one(query, ef))
      const found = queries.map((query) => {
        index.searchInto(query, slots, distances, { k: K, ef })
        return slots.slice()
      })
      return { qps, found }
    }
  const theirs =
    (call: string): Measure =>
    async (ef) => {
      const request = { do: 'search', ef, k: K, seconds_min: POINT_SECONDS_MIN, call }
      const { qps, labels } = await peer.ask<{ qps: number; labels: number[][] }>(request)
      return { qps, found: labels }
    }
  return {
    'nearfield searchInto': ours((query, ef) => index.searchInto(query, slots, distances, { k: K, ef })),
    'nearfield search': ours((query, ef) => index.search(query, { k: K, ef })),
    'hnswlib batch': theirs('batch'),
    'hnswlib each': theirs('each'),
  }
}

type Round = Record<Side, readonly Point[]>

async function searchRound(measure: Record<Side, Measure>, data: Data, turn: number): Promise<Round> {
  const curves: Record<Side, Point[]> = {
    'nearfield searchInto': [],
    'nearfield search': [],
    'hnswlib batch': [],
    'hnswlib each': [],
  }
  const order = turn % 2 ? SIDES.toReversed() : SIDES
  for (const ef of EFS) {
    for (const side of order) {
      const { qps, found } = await measure[side](ef)
      curves[side].push({ ef, qps, recall: recallOf(found, data.truth, K) })
    }
  }
  return curves
}

interface Row {
  readonly recall: number
  readonly qps: Partial<Record<Side, Spread>>
  /** nearfield's searchInto against hnswlib's faster way, and call against call. */
  readonly ratio: { readonly batch?: Spread; readonly each?: Spread }
}

function summarise(rounds: readonly Round[]): Row[] {
  return TARGETS.map((recall) => {
    const at = (side: Side) =>
      rounds.map((round) => qpsAt(round[side], recall)).filter((qps) => qps !== undefined)
    const qps = Object.fromEntries(
      SIDES.map((side) => [side, at(side)] as const).filter(([, all]) => all.length > 0),
    )
    const against = (side: Side): Spread | undefined => {
      const [ours, theirs] = [qps['nearfield searchInto'], qps[side]]
      return ours && theirs && spread(ours.map((value, round) => value / theirs[round]!))
    }
    const [batch, each] = [against('hnswlib batch'), against('hnswlib each')]
    return {
      recall,
      qps: Object.fromEntries(Object.entries(qps).map(([side, all]) => [side, spread(all)])),
      ratio: { ...(batch && { batch }), ...(each && { each }) },
    }
  })
}

const ratioText = (value?: Spread) =>
  value ? `${value.median.toFixed(2)} (${value.min.toFixed(2)}–${value.max.toFixed(2)})` : '–'
const rateText = (value?: Spread) => (value ? Math.round(value.median).toLocaleString('en') : '–')

function print(
  rows: readonly Row[],
  seconds: Record<'nearfield' | 'hnswlib', number[]>,
  count: number,
): void {
  console.log(
    '\nqueries per second, one thread, median of rounds; ratios: searchInto ÷ hnswlib, median (min–max)\n',
  )
  const table = rows.map(({ recall, qps, ratio }) => ({
    'recall@10': recall,
    ...Object.fromEntries(SIDES.map((side) => [side, rateText(qps[side])])),
    '÷ batch': ratioText(ratio.batch),
    '÷ each': ratioText(ratio.each),
  }))
  console.table(table)
  const ratio = spread(seconds.nearfield.map((ours, round) => seconds.hnswlib[round]! / ours))
  const rate = (side: 'nearfield' | 'hnswlib') =>
    Math.round(count / spread(seconds[side]).median).toLocaleString('en')
  console.log(
    `build on ${BUILD_THREADS} threads: nearfield ${rate('nearfield')} vec/s, hnswlib ${rate('hnswlib')} vec/s, ratio ${ratioText(ratio)}`,
  )
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '5' },
      builds: { type: 'string', default: '3' },
      queries: { type: 'string', default: '1000' },
      out: { type: 'string' },
    },
  })
  let python: string
  try {
    python = await pythonWith(['hnswlib==0.8.0', 'numpy'], ['hnswlib', 'numpy'])
  } catch (error) {
    console.log(`hnswlib is left out: ${error instanceof Error ? error.message : error}`)
    console.log(
      'it needs python3 with venv and pip, a C++ compiler and Python.h (Debian: python3-venv python3-dev g++)',
    )
    return
  }
  const data = await loadData(Number(values.queries))
  const folder = await mkdtemp(join(tmpdir(), 'nearfield-bench-'))
  try {
    await using peer = new Peer(python, new URL('hnswlib_peer.py', import.meta.url))
    const [vectors, queries] = [join(folder, 'vectors.f32'), join(folder, 'queries.f32')]
    await Promise.all([writeFile(vectors, data.vectors), writeFile(queries, data.queries)])
    const { version } = await peer.ask<{ version: string }>({ do: 'load', vectors, queries, dim: data.dim })
    const count = data.vectors.length / data.dim
    console.log(
      `${count} × ${data.dim}, cosine, M ${M}, efConstruction ${EF_CONSTRUCTION}; hnswlib ${version}; ${cpus()[0]?.model}`,
    )

    const seconds = await buildRounds(data, peer, Number(values.builds))
    await using index = await build(data)
    const measure = measures(data, index, peer)
    const rounds: Round[] = []
    for (let turn = 0; turn < Number(values.rounds); turn++)
      rounds.push(await searchRound(measure, data, turn))
    const rows = summarise(rounds)
    print(rows, seconds, count)
    if (values.out) {
      const report = {
        cpu: cpus()[0]?.model,
        node: process.version,
        hnswlib: version,
        rows,
        build: seconds,
        rounds,
      }
      await writeFile(values.out, `${JSON.stringify(report, null, 2)}\n`)
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

await main()
