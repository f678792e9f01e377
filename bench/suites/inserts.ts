/**
 * Rows added in batches, ours beside hnswlib, and what graph that makes: `npm run bench -- --suite inserts`.
 *
 *   each round   every engine in turn: all rows again into an empty index, on all threads, batch by batch
 *   then         the least ef that finds 0.95 of the 10 nearest, and single queries a second with it
 */
import { availableParallelism } from 'node:os'
import { prepare } from '../data/catalogue.ts'
import { loadDataset, recallOf } from '../data/recall.ts'
import type { Built, Found } from '../harness/contract.ts'
import { chosen, launch } from '../harness/engines.ts'
import type { Options } from '../harness/options.ts'
import { type EngineProcess, startOf } from '../harness/process.ts'
import { spread, spreadText as text } from '../harness/statistics.ts'

const K = 10
const M = 16
const EF_CONSTRUCTION = 200
const RECALL = 0.95
const SECONDS = 0.5
const EFFORT_MAX = 2000
const THREADS = availableParallelism()
const BATCHES = [1000, 10_000]
const DATASETS = ['verses768', 'words']
const REFERENCE = 'hnswlib'
const ENGINES = [REFERENCE, 'nearfield hnsw']

export async function inserts({ datasets = DATASETS, protocol: { rounds } }: Options): Promise<void> {
  for (const name of datasets) await insertsOf(name, rounds)
}

async function insertsOf(name: string, rounds: number): Promise<void> {
  const dataset = await prepare(name)
  const truth = await loadDataset(dataset)
  await using ended = new AsyncDisposableStack()
  const engines: EngineProcess[] = []
  for (const one of ENGINES) {
    const [spec] = chosen([one], false)
    const engine = ended.use(await launch(spec!))
    engines.push(engine)
    await engine.ask(startOf(spec!, dataset, 'auto'))
  }
  const table: Record<string, Record<string, string>> = {}
  for (const batch of BATCHES.filter((batch) => batch <= dataset.rows)) {
    const rates = new Map<string, number[]>(engines.map((engine) => [engine.name, []]))
    const reached = new Map<string, { effort: number; qps: number }>()
    for (let round = 0; round < rounds; round++) {
      for (const engine of round % 2 ? engines.toReversed() : engines) {
        const request = { do: 'insert', batch, threads: THREADS, M, efConstruction: EF_CONSTRUCTION }
        const { seconds } = await engine.ask<Built>(request)
        rates.get(engine.name)!.push(dataset.rows / seconds)
        if (round === rounds - 1) reached.set(engine.name, await reach(engine, truth))
      }
    }
    const reference = rates.get(REFERENCE)!
    for (const { name: engine } of engines) {
      const own = rates.get(engine)!
      const { effort, qps } = reached.get(engine)!
      table[`${engine}, by ${batch.toLocaleString('en')}`] = {
        'rows per second': text(spread(own), 0),
        [`÷ ${REFERENCE}`]: text(spread(own.map((rate, round) => rate / reference[round]!)), 2),
        [`ef for recall ${RECALL}`]: effort.toFixed(0),
        'queries per second': qps.toFixed(0),
      }
    }
  }
  console.log(
    `${name}, ${dataset.rows.toLocaleString('en')} × ${dataset.dim}, ${THREADS} threads, ${rounds} rounds`,
  )
  console.table(table)
}

async function reach(engine: EngineProcess, truth: Awaited<ReturnType<typeof loadDataset>>) {
  for (let effort = K; effort < EFFORT_MAX; effort = Math.ceil(effort * 1.15)) {
    const asked = { do: 'search', effort, k: K } as const
    const { slots } = await engine.ask<Found>({ ...asked, seconds: 0 })
    if (recallOf(truth, slots, K) < RECALL) continue
    return { effort, qps: (await engine.ask<Found>({ ...asked, seconds: SECONDS })).qps }
  }
  throw new Error(`${engine.name} does not reach recall ${RECALL} with ef ${EFFORT_MAX}`)
}
