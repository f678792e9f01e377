/**
 * The figures nearfield was founded on, hnswlib measured now, and ours, side by side in one run:
 * `npm run bench -- --suite founding`. The noted figures are of other machines: ratios count, times do not.
 */
import { availableParallelism } from 'node:os'
import { Generator } from 'nearfield'
import { prepare } from '../data/catalogue.ts'
import { firstQueries } from '../data/first.ts'
import { loadDataset, recallOf } from '../data/recall.ts'
import { startDgen } from '../engines/dgen.ts'
import type { Built, Dataset, Found, Latency } from '../harness/contract.ts'
import { chosen, launch, startSteps } from '../harness/engines.ts'
import type { Options } from '../harness/options.ts'
import { type EngineProcess, startOf, Unsupported } from '../harness/process.ts'
import { spread } from '../harness/statistics.ts'
import { threads as threadsText } from '../report/format.ts'
import { fewest } from './steps-report.ts'

const K = 10
const M = 16
const EF_CONSTRUCTION = 200
const SECONDS = 0.5
const ALL = availableParallelism()
const BATCHES = [100, 500, 1000, 2000, 5000, 10_000, 100_000]
const CHUNKS_MIB = [4, 16, 64, 256]
const GENERATED_BYTES = 4 * 2 ** 30
const ENGINES = ['hnswlib', 'nearfield hnsw'] as const
const ZONES = 'nearfield zones'
/** Zones as the notes had them: the first step of the suite `steps`. */
const PLAIN = 'baseline'
/** As many questions as the notes asked. */
const QUERIES = 100
const RECALL = 0.989
const EFFORT_MAX = 2000

export async function founding({ protocol: { rounds } }: Options): Promise<void> {
  console.log(`medians of ${rounds} rounds in turns, ${ALL} threads there are; noted: other machines`)
  await graph(rounds)
  await small(rounds)
  await inserts()
  await generator(rounds)
}

/** The engines on a data set, built. */
async function started(
  dataset: Dataset,
  names: readonly string[] = ENGINES,
): Promise<AsyncDisposable & { readonly engines: EngineProcess[] }> {
  const engines: EngineProcess[] = []
  for (const name of names) {
    const [spec] = chosen([name], false)
    const engine = await launch(spec!)
    engines.push(engine)
    await engine.ask(startOf(spec!, dataset, 'auto'))
  }
  return {
    engines,
    async [Symbol.asyncDispose]() {
      for (const engine of engines) await engine[Symbol.asyncDispose]()
    },
  }
}

type Measures = Record<string, number[]>

/** `body` for every engine in every round, the order turned round each time; medians by engine. */
async function inTurns(
  engines: readonly EngineProcess[],
  rounds: number,
  body: (engine: EngineProcess, note: (what: string, value: number) => void) => Promise<void>,
): Promise<Map<string, Record<string, string>>> {
  const all = new Map<string, Measures>(engines.map(({ name }) => [name, {}]))
  for (let round = 0; round < rounds; round++) {
    for (const engine of round % 2 ? engines.toReversed() : engines) {
      const measures = all.get(engine.name)!
      await body(engine, (what, value) => {
        measures[what] = [...(measures[what] ?? []), value]
      })
    }
  }
  const text = (values: readonly number[]) => {
    const { median, min, max } = spread(values)
    return `${digits(median)} (${digits(min)}–${digits(max)})`
  }
  return new Map(
    [...all].map(([name, measures]) => [
      name,
      Object.fromEntries(Object.entries(measures).map(([what, values]) => [what, text(values)])),
    ]),
  )
}

function digits(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3)
}

async function graph(rounds: number): Promise<void> {
  const dataset = await firstQueries(await prepare('verses768'), QUERIES)
  const truth = await loadDataset(dataset)
  await using side = await started(dataset)
  const measured = await inTurns(side.engines, rounds, async (engine, note) => {
    for (const threads of [1, ALL]) {
      const build = { do: 'build', threads, M, efConstruction: EF_CONSTRUCTION }
      note(`build s, ${threadsText(threads)}`, (await engine.ask<Built>(build)).seconds)
    }
    const one = await engine.ask<Found>({ do: 'search', effort: 50, k: K, seconds: SECONDS })
    note('QPS, 1 thread', one.qps)
    note('recall@10', recallOf(truth, one.slots, K))
    const many = { do: 'searchBatch', effort: 50, k: K, seconds: SECONDS, threads: ALL }
    note(`QPS, ${threadsText(ALL)}`, (await engine.ask<Found>(many)).qps)
  })
  const noted = {
    'noted: hnswlib': { 'build s, 1 thread': '25–30', 'QPS, 1 thread': '1,000–1,250' },
    'noted: a JVM port': {
      'build s, 1 thread': '215',
      'QPS, 1 thread': '834',
      [`QPS, ${threadsText(ALL)}`]: '4,719',
    },
  }
  print(`${size(dataset)}, M ${M}, efConstruction ${EF_CONSTRUCTION}, ef 50, ${dataset.queries} questions`, {
    ...noted,
    ...Object.fromEntries(measured),
  })
}

/** At which recall a setting of each answers how fast: plain zones, ours and graphs. */
async function small(rounds: number): Promise<void> {
  const dataset = await prepare('clusters-10k-128')
  const truth = await loadDataset(dataset)
  await using side = await started(dataset, [...ENGINES, ZONES])
  await using plain = await startSteps()
  const { paths, dim, metric } = dataset
  const { base, queries } = paths
  const start = { do: 'start', base, queries, dim, metric, threads: ALL, isa: 'auto' }
  const { zones } = await plain.ask<{ zones: number }>(start)
  const efforts = new Map<string, number>()
  const measured = await inTurns([...side.engines, plain], rounds, async (engine, note) => {
    const step = engine === plain ? { step: PLAIN } : {}
    const build = { do: 'build', threads: ALL, M, efConstruction: EF_CONSTRUCTION, ...step }
    note('build s', (await engine.ask<Built>(build)).seconds)
    const search = (effort: number, seconds: number) =>
      engine.ask<Found & Partial<Latency>>({ do: 'search', effort, k: K, seconds, ...step })
    const enough = async (effort: number) => recallOf(truth, (await search(effort, 0)).slots, K) >= RECALL
    const [least, most] =
      engine === plain ? [1, zones] : engine.name === ZONES ? [1, EFFORT_MAX] : [K, EFFORT_MAX]
    const effort = efforts.get(engine.name) ?? (await fewest(enough, [least, most], 4 * least))
    if (effort === undefined) throw new Error(`${engine.name} never reaches recall ${RECALL}`)
    efforts.set(engine.name, effort)
    const { qps, p50, slots } = await search(effort, SECONDS)
    note('ms a query', p50 === undefined ? 1000 / qps : p50 / 1000)
    note('recall@10', recallOf(truth, slots, K))
  })
  measured.set('zones, plain scan, now (p50)', measured.get(plain.name)!)
  measured.delete(plain.name)
  print(`${size(dataset)}, the least ef, or fewest probes, with recall@10 ≥ ${RECALL}`, {
    'noted: a graph': { 'build s': '0.27', 'ms a query': '0.167', 'recall@10': '0.967' },
    'noted: zones, plain scan': { 'ms a query': '2.906', 'recall@10': '0.989' },
    'noted: zones, the wish': { 'ms a query': '0.15–0.20', 'recall@10': '0.989' },
    ...Object.fromEntries(measured),
  })
}

/** A batch is timed on the smallest set that fills it. */
async function inserts(): Promise<void> {
  const noted = { 'by 100': '427', 'by 5,000': '9,504', 'by 10,000': '1,510', 'by 100,000': 'wanted: 25,000' }
  // Every batch, so that columns stand in their order.
  const all = Object.fromEntries(BATCHES.map((batch) => [byBatch(batch), '']))
  const rows: Record<string, Record<string, string>> = { noted: { ...all, ...noted } }
  let filled = 0
  for (const name of ['clusters-10k-128', 'clusters-100k-128']) {
    const dataset = await prepare(name)
    const batches = BATCHES.filter((batch) => batch > filled && batch <= dataset.rows)
    filled = dataset.rows
    await insertBatches(dataset, batches, rows)
  }
  print(`rows of 128 numbers inserted, vectors per second by batch size, ${ALL} threads`, rows)
}

async function insertBatches(
  dataset: Dataset,
  batches: readonly number[],
  rows: Record<string, Record<string, string>>,
): Promise<void> {
  await using side = await started(dataset)
  for (const engine of side.engines) {
    rows[engine.name] ??= {}
    const row = rows[engine.name]!
    for (const batch of batches) {
      const request = { do: 'insert', batch, threads: ALL, M, efConstruction: EF_CONSTRUCTION }
      try {
        const { seconds } = await engine.ask<Built>(request)
        row[byBatch(batch)] = digits(dataset.rows / seconds)
      } catch (error) {
        if (!(error instanceof Unsupported)) throw error
        row[byBatch(batch)] = 'cannot'
      }
    }
  }
}

const byBatch = (batch: number) => `by ${batch.toLocaleString('en')}`

/** Both fill one buffer over and over, turn about; medians, and how many times as fast ours is. */
async function generator(rounds: number): Promise<void> {
  const rows: Record<string, Record<string, string>> = {
    'noted, 12 cores': { '4 MiB': '30', '16 MiB': '38', '64 MiB': '43', '256 MiB': '45' },
  }
  const runs = Math.min(rounds, 3)
  for (const threads of [1, ALL]) {
    const peer = await startDgen()
    await using _ended = typeof peer === 'string' ? null : peer
    const note = (name: string, chunk: string, value: string) => {
      rows[`${name}, ${threads} threads`] ??= {}
      rows[`${name}, ${threads} threads`]![chunk] = value
    }
    for (const mib of CHUNKS_MIB) {
      const [chunk, bytes] = [`${mib} MiB`, mib * 2 ** 20]
      const ours: number[] = []
      const theirs: number[] = []
      for (let run = 0; run < runs; run++) {
        ours.push(GENERATED_BYTES / (await generated(bytes, threads)) / 1e9)
        if (typeof peer === 'string') continue
        const request = { do: 'generate', bytes: GENERATED_BYTES, chunk: bytes, threads }
        theirs.push(GENERATED_BYTES / (await peer.ask<Built>(request)).seconds / 1e9)
      }
      const rate = spread(ours).median
      note('nearfield', chunk, digits(rate))
      if (typeof peer === 'string') note('dgen-py', chunk, peer)
      else {
        note('dgen-py', chunk, digits(spread(theirs).median))
        note('times', chunk, digits(rate / spread(theirs).median))
      }
    }
  }
  print(`generator, GB/s by chunk, ${runs} runs of ${GENERATED_BYTES / 2 ** 30} GiB`, rows)
}

/** Seconds for all bytes through one buffer, whose pages are there before the clock starts. */
async function generated(chunk: number, threads: number): Promise<number> {
  await using source = new Generator({ size: GENERATED_BYTES, backend: 'native', threads })
  await source.ready
  const buffer = new Uint8Array(chunk)
  source.fillChunk(buffer)
  source.reset()
  const started = performance.now()
  while (source.fillChunk(buffer) > 0);
  return (performance.now() - started) / 1000
}

const size = ({ name, rows, dim, metric }: Dataset) =>
  `${name}: ${rows.toLocaleString('en')} × ${dim}, ${metric}`

function print(title: string, rows: Record<string, Record<string, string>>): void {
  console.log(`\n${title}`)
  console.table(rows)
}
