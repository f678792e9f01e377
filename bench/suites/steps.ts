/**
 * The scan of zones that nearfield's notes began with, and what each optimization makes of it:
 * `npm run bench -- --suite steps [--dataset clusters-10k-128,verses768]`, minutes.
 *
 *   build all ─► the fewest probes for the recall ─► rounds: builds, then searches and batches of every step,
 *                                                    the order turned round each round
 *
 * All steps over zones search the same zones. The work is that of the crate `bench/steps`, without a binding.
 */
import { availableParallelism } from 'node:os'
import { prepare } from '../data/catalogue.ts'
import { firstQueries } from '../data/first.ts'
import { type Loaded, loadDataset, recallOf } from '../data/recall.ts'
import type { Built, Dataset } from '../harness/contract.ts'
import { startSteps } from '../harness/engines.ts'
import { keep } from '../harness/keep.ts'
import { ran } from '../harness/machine.ts'
import { fitting, type Options } from '../harness/options.ts'
import type { EngineProcess } from '../harness/process.ts'
import { asText } from '../report/tables.ts'
import {
  fewest,
  type Line,
  type Measured,
  pictures,
  type Round,
  STEPS,
  type StepName,
  table,
} from './steps-report.ts'

const RECALL = 0.989
const EF_MAX = 2000
/** Found first: quick, and the other scans of floats need as many probes. */
const FIRST: StepName = 'kernels'

interface Answered {
  readonly p50: number
  readonly p99: number
  readonly slots: readonly (readonly number[])[]
}
interface Told {
  readonly isa: string
  readonly zones: number
  readonly bits: number
}

export async function steps(options: Options, command: string): Promise<void> {
  for (const name of options.datasets ?? ['clusters-10k-128']) {
    const dataset = await firstQueries(await prepare(name), options.protocol.queries)
    const measured = await measure(dataset, options, command)
    console.log(`${asText(table(measured))}\n`)
    const of = dataset.name
    const kept = { name: `${of}-steps`, recorded: `steps-${of}`, pictures: pictures(measured) }
    await keep(measured, kept, options)
  }
}

async function measure(dataset: Dataset, options: Options, command: string): Promise<Measured> {
  const { k, rounds, seconds, isa, buildRounds, buildThreads } = fitting(options, dataset)
  const threads = buildThreads.at(-1) ?? availableParallelism()
  const truth = await loadDataset(dataset)
  await using core = await startSteps()
  const { paths, dim, metric } = dataset
  const { base, queries } = paths
  const told = await core.ask<Told>({ do: 'start', base, queries, dim, metric, threads, isa })
  for (const step of STEPS) await core.ask({ do: 'build', step })
  const efforts = await effortsOf(core, truth, k, told.zones)
  const builds = new Map<StepName, number[]>(STEPS.map((step) => [step, []]))
  const measured = new Map<StepName, Round[]>(STEPS.map((step) => [step, []]))
  for (let round = 0; round < rounds; round++) {
    const inOrder = round % 2 ? STEPS.toReversed() : STEPS
    for (const step of round < buildRounds ? inOrder : [])
      builds.get(step)!.push((await core.ask<Built>({ do: 'build', step })).seconds)
    for (const step of inOrder) {
      const found = efforts.get(step)!
      if ('left' in found) continue
      const request = { step, k, effort: found.effort, seconds }
      const { p50, p99 } = await core.ask<Answered>({ do: 'search', ...request })
      const { qps } = await core.ask<{ qps: number }>({ do: 'batch', ...request })
      measured.get(step)!.push({ p50, p99, qps })
    }
  }
  const lines = STEPS.map((step): Line => {
    const known = { step, builds: builds.get(step)!, rounds: measured.get(step)! }
    return { effort: 0, recall: 0, ...known, ...efforts.get(step)! }
  })
  return {
    ...ran(command),
    dataset: { name: dataset.name, rows: dataset.rows, dim, metric },
    questions: dataset.queries,
    threads,
    ...told,
    k,
    recall: RECALL,
    lines,
  }
}

type Effort = { readonly effort: number; readonly recall: number } | { readonly left: string }

/** For every step the least that reaches the recall, or why there is none. */
async function effortsOf(
  core: EngineProcess,
  truth: Loaded,
  k: number,
  zones: number,
): Promise<Map<StepName, Effort>> {
  const efforts = new Map<StepName, Effort>()
  let guess = Math.ceil(zones / 3)
  for (const step of [FIRST, ...STEPS.filter((step) => step !== FIRST)]) {
    const recalls = new Map<number, number>()
    const enough = async (effort: number) => {
      const request = { do: 'search', step, k, effort, seconds: 0 }
      const recall = recallOf(truth, (await core.ask<Answered>(request)).slots, k)
      recalls.set(effort, recall)
      return recall >= RECALL
    }
    const isGraph = step === 'hnsw'
    const effort = await fewest(enough, isGraph ? [k, EF_MAX] : [1, zones], isGraph ? 4 * k : guess)
    if (effort === undefined) {
      const best = Math.max(...recalls.values()).toFixed(4)
      efforts.set(step, { left: `never reaches recall ${RECALL}: ${best} at most` })
      continue
    }
    efforts.set(step, { effort, recall: recalls.get(effort)! })
    if (!isGraph) guess = effort
  }
  return efforts
}
