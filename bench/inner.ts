/**
 * Graphs within zones, and graphs over centroids, beside the scans they would replace: `npm run bench:inner`.
 *
 *   npm run bench:inner -- [--dataset words] [--zones 1,2,4,16] [--rounds 3] [--routes 12500,25000,50000,100000]
 *
 * Within zones: the same zones walked and scanned, in turns, on one thread, at probes from one zone to all; queries per
 * second where each reaches a recall, as ratios within a round. One graph over all rows stands beside them. Over
 * centroids: how long a search takes to find its zones, beside the narrowest walk that finds 0.99 of as many nearest
 * rows among as many rows of the data set.
 */
import { parseArgs } from 'node:util'
import { type BuildOptions, buildIndex, type Index } from 'nearfield'
import { prepare } from './data/catalogue.ts'
import { firstQueries } from './data/first.ts'
import { loadDataset, recallOf } from './data/recall.ts'
import { type Point, qpsAt, spread, spreadText } from './harness/statistics.ts'

const { values } = parseArgs({
  options: {
    dataset: { type: 'string', default: 'words' },
    zones: { type: 'string', default: '1,2,4,16' },
    rounds: { type: 'string', default: '3' },
    routes: { type: 'string', default: '12500,25000,50000,100000' },
  },
})
const numbers = (text: string) => text.split(',').filter(Boolean).map(Number)
const rounds = Number(values.rounds)
const K = 10
const QUESTIONS = 300
const RECALLS = [0.9, 0.95, 0.99]
const EFS = [16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512]
const PROBES = [20, 100, 400]
/** Of a walk over centroids, in probes. */
const EF_TIMES = [1, 1.25, 1.5, 2, 3, 4, 6]
const FOUND = 0.99
/** Questions whose way to the zones is timed. */
const ROUTED = 40

type Effort = { readonly ef: number } | { readonly probes: number } | object

const dataset = await firstQueries(await prepare(values.dataset), QUESTIONS)
const loaded = await loadDataset(dataset)
const { dim, metric } = dataset
const row = (rows: Float32Array, at: number) => rows.subarray(at * dim, (at + 1) * dim)
const build = (vectors: Float32Array, options: BuildOptions) =>
  buildIndex(vectors, { dim, metric, ...options })

/** Answers to all questions, one call after the other, and how long one took. */
function ask(index: Index, k: number, effort: Effort) {
  const slots = Array.from({ length: QUESTIONS }, () => new Uint32Array(k))
  const distances = new Float32Array(k)
  const started = performance.now()
  for (const [at, found] of slots.entries())
    index.searchInto(row(loaded.queries.values, at), found, distances, effort)
  return { slots, micros: ((performance.now() - started) / QUESTIONS) * 1e3 }
}

function curve(index: Index, efforts: readonly Effort[]): Point[] {
  return efforts.map((effort) => {
    const { slots, micros } = ask(index, K, effort)
    return { effort: Object.values(effort)[0]!, recall: recallOf(loaded, slots, K), qps: 1e6 / micros }
  })
}

/** Ratios of queries per second, by recall. */
function ratios(pairs: readonly (readonly [Point[], Point[]])[]): Record<string, string> {
  const columns = RECALLS.map((recall) => {
    const found = pairs.map(([a, b]) => (qpsAt(a, recall) ?? Number.NaN) / (qpsAt(b, recall) ?? Number.NaN))
    const text = found.some(Number.isNaN) ? '–' : spreadText(spread(found), 2)
    return [`at ${recall}`, text]
  })
  return Object.fromEntries(columns)
}

async function within(count: number, graph: Index): Promise<Record<string, object>> {
  await using scanned = await build(loaded.base.values, { kind: 'zones', zones: count })
  await using walked = await build(loaded.base.values, { kind: 'zones', zones: count, inner: 'graph' })
  const zones = scanned.stats().zones!
  const probes = Array.from({ length: 12 }, (_, at) => Math.ceil((zones * (at + 1)) / 12))
  const some = [...new Set([1, 2, 3, ...probes])].filter((probes) => probes <= zones)
  const efforts = some.toSorted((a, b) => a - b).map((probes) => ({ probes }))
  const curves = []
  for (let round = 0; round <= rounds; round++) {
    const all = [curve(walked, efforts), curve(scanned, efforts), curve(graph, efs)] as const
    if (round > 0) curves.push(all) // the first warms up
  }
  const about = `${zones} zones, ${walked.stats().graphs} with graphs`
  return {
    [`${about}: walked ÷ scanned`]: ratios(curves.map(([walked, scanned]) => [walked, scanned])),
    [`${about}: walked ÷ one graph`]: ratios(curves.map(([walked, , graph]) => [walked, graph])),
  }
}

/** How long finding zones takes, as `explain` tells of a search: the mean over some questions, in microseconds. */
async function routing(zones: Index, probes: number): Promise<number> {
  let sum = 0
  for (let at = 0; at < ROUTED; at++) {
    const { phases } = await zones.explain(row(loaded.queries.values, at), { k: 1, probes })
    sum += phases!.route
  }
  return sum / ROUTED
}

/** Finding the nearest of so many zones as searches do, and by the narrowest walk over as many rows that finds them. */
async function routed(count: number): Promise<Record<string, object>> {
  const all = loaded.base.values
  const stride = Math.floor(dataset.rows / count)
  const centroids = new Float32Array(count * dim)
  for (let at = 0; at < count; at++) centroids.set(row(all, at * stride), at * dim)
  await using zones = await build(all, { kind: 'zones', zones: count })
  await using graph = await build(centroids, { kind: 'hnsw' })
  const table: Record<string, object> = {}
  for (const probes of PROBES) {
    const nearest = ask(graph, probes, { exact: true }).slots.map((slots) => new Set(slots))
    const found = ({ slots }: { readonly slots: readonly Uint32Array[] }) => {
      const hits = slots.flatMap((slots, at) => [...slots].filter((slot) => nearest[at]!.has(slot)))
      return hits.length / (QUESTIONS * probes)
    }
    const efs = EF_TIMES.map((times) => ({ ef: Math.ceil(times * probes) }))
    const ef = efs.find((effort) => found(ask(graph, probes, effort)) >= FOUND)
    const times = []
    for (let round = 0; ef && round < rounds; round++)
      times.push((await routing(zones, probes)) / ask(graph, probes, ef).micros)
    table[`${zones.stats().zones} zones, ${probes} probes`] = {
      'speed of a walk ÷ of the scan': times.length ? spreadText(spread(times), 2) : '–',
      ef: ef?.ef ?? '–',
    }
  }
  return table
}

const efs = EFS.map((ef) => ({ ef }))
if (numbers(values.zones).length > 0) {
  await using graph = await build(loaded.base.values, { kind: 'hnsw' })
  let table = {}
  for (const count of numbers(values.zones)) table = { ...table, ...(await within(count, graph)) }
  console.log(`${values.dataset}, ${dataset.rows} × ${dim}, ${graph.stats().isa}: queries per second`)
  console.table(table)
}
let table = {}
for (const count of numbers(values.routes)) table = { ...table, ...(await routed(count)) }
if (numbers(values.routes).length > 0) console.table(table)
