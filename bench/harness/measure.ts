/**
 * One data set, several engines, one protocol:
 *
 *   start ─► build (rounds in turn) ─► explore every effort once, untimed: recall
 *         ─► rounds: effort by effort, engine after engine, the order turned round each time
 *         ─► save, load
 *
 * Invariants: engines take turns at the same place of their curves, so that a slow moment of the machine
 * meets all of them, one thread's speeds are all of one processor, and every ratio is taken within a round. Speeds are compared at a recall, never at
 * a setting. An engine that fails is left out from there on, with its reason, and disturbs no other.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type {
  Built,
  Dataset,
  DatasetResult,
  EngineResult,
  EngineSpec,
  Found,
  Latency,
  Loaded,
  Memory,
  Results,
  Saved,
  Started,
} from './contract.ts'
import { type EngineProcess, startOf, Unsupported } from './process.ts'
import type { Progress } from './progress.ts'
import { type Point, qpsAt, ratios, spread, spreadOf } from './statistics.ts'

export interface Protocol {
  readonly k: number
  readonly rounds: number
  /** Questions at most. */
  readonly queries: number
  /** One measurement lasts at least this long, and at least one pass over the queries. */
  readonly seconds: number
  readonly recalls: readonly number[]
  /** At these recalls one call for all queries is measured too, on one thread and on all. */
  readonly batchRecalls: readonly number[]
  readonly batchThreads: readonly number[]
  /** The last of them makes the index that is searched. */
  readonly buildThreads: readonly number[]
  readonly buildRounds: number
  readonly M: number
  readonly efConstruction: number
  readonly isa: string
  readonly reference: string
}

export type LeftOut = Results['leftOut'][number]

/** The share of the true neighbours among these answers. */
export type RecallOf = (slots: readonly (readonly number[])[], k: number) => number

/** How an engine's process comes to be; rejects where it cannot. */
export type Launch = (spec: EngineSpec) => Promise<EngineProcess>

/** Says where processes run; see `processors`. */
export interface Placing {
  readonly tieToQuickest: (processes: readonly EngineProcess[], work: () => Promise<number>) => Promise<void>
  readonly untie: (processes: readonly EngineProcess[]) => void
}

/** Wherever the system puts them. */
const ANYWHERE: Placing = { tieToQuickest: async () => {}, untie: () => {} }

/** Recalls between which a curve is worth measuring. */
const CURVE_FROM = 0.8
const CURVE_TO = 0.995

const none = () => 0

/** One engine under way. */
interface Runner {
  readonly spec: EngineSpec
  readonly process: EngineProcess
  readonly started: Started
  readonly before: Memory
  after?: Memory
  readonly builds: Map<number, number[]>
  /** Effort and its recall, from fast to thorough. */
  efforts: readonly { readonly effort: number; readonly recall: number }[]
  /** By round: the curve, batches by threads and effort, latencies by effort. */
  readonly curves: Point[][]
  readonly batches: Map<string, number>[]
  readonly latencies: Map<number, Latency[]>
  canBatch: boolean
  file?: Saved
  load?: Loaded
}

export class Measurement {
  readonly #dataset: Dataset
  readonly #recallOf: RecallOf
  readonly #protocol: Protocol
  readonly #progress: Progress
  readonly #placing: Placing
  #runners: Runner[] = []
  readonly leftOut: LeftOut[] = []

  constructor(
    dataset: Dataset,
    recallOf: RecallOf,
    protocol: Protocol,
    progress: Progress,
    placing: Placing = ANYWHERE,
  ) {
    this.#dataset = dataset
    this.#recallOf = recallOf
    this.#protocol = protocol
    this.#progress = progress
    this.#placing = placing
  }

  async run(specs: readonly EngineSpec[], launch: Launch): Promise<DatasetResult> {
    try {
      await this.#start(specs, launch)
      await this.#build()
      await this.#explore()
      for (let round = 0; round < this.#protocol.rounds; round++) await this.#round(round)
      await this.#files()
      return this.#result()
    } finally {
      for (const { process } of this.#runners) await process[Symbol.asyncDispose]()
    }
  }

  /** Seconds a measurement takes, about: the last pass goes beyond the time. */
  get #point(): number {
    return this.#protocol.seconds * 1.3
  }

  async #start(specs: readonly EngineSpec[], launch: Launch): Promise<void> {
    for (const spec of specs) {
      const impossible = this.#impossible(spec)
      if (impossible !== undefined) {
        this.#leave(spec.name, impossible)
        continue
      }
      let process: EngineProcess | undefined
      try {
        process = await launch(spec)
        const started = await process.ask<Started>(startOf(spec, this.#dataset, this.#protocol.isa))
        const before = await process.ask<Memory>({ do: 'memory' })
        this.#runners.push({
          spec,
          process,
          started,
          before,
          builds: new Map(),
          efforts: [],
          curves: [],
          batches: [],
          latencies: new Map(),
          canBatch: true,
        })
      } catch (error) {
        this.#leave(spec.name, (error as Error).message)
        await process?.[Symbol.asyncDispose]()
      }
    }
  }

  #impossible({ metrics, rowsMax }: EngineSpec): string | undefined {
    const { metric, rows } = this.#dataset
    if (!metrics.includes(metric)) return `has no metric ${metric}`
    return rows > rowsMax ? `takes minutes beyond ${rowsMax.toLocaleString('en')} rows` : undefined
  }

  #leave(engine: string, reason: string): void {
    this.leftOut.push({ engine, dataset: this.#dataset.name, reason })
    this.#progress.say(`left out of ${this.#dataset.name}: ${engine}: ${reason}`)
  }

  /** Asks every engine in turn; one that fails leaves. `expected` says what was announced to the bar. */
  async #each(
    turn: number,
    what: string,
    expected: (runner: Runner) => number,
    body: (runner: Runner) => Promise<void>,
  ): Promise<void> {
    const order = turn % 2 ? this.#runners.toReversed() : [...this.#runners]
    for (const runner of order) {
      const seconds = expected(runner)
      try {
        await body(runner)
      } catch (error) {
        if (!(error instanceof Unsupported)) {
          this.#runners = this.#runners.filter((other) => other !== runner)
          this.#leave(runner.spec.name, (error as Error).message)
          await runner.process[Symbol.asyncDispose]()
        }
      }
      this.#progress.advance(seconds, `${what}, ${runner.spec.name}`)
    }
  }

  async #build(): Promise<void> {
    const { buildRounds, buildThreads, M, efConstruction } = this.#protocol
    const first = new Map<Runner, number>()
    for (let round = 0; round < buildRounds; round++) {
      for (const threads of buildThreads) {
        const expected = (runner: Runner) => first.get(runner) ?? 0
        await this.#each(round, `building on ${threads}`, expected, async (runner) => {
          const request = { do: 'build', threads, M, efConstruction }
          const { seconds, threads: used = threads } = await runner.process.ask<Built>(request)
          runner.after ??= await runner.process.ask<Memory>({ do: 'memory' })
          runner.builds.set(used, [...(runner.builds.get(used) ?? []), seconds])
          if (first.has(runner)) return
          first.set(runner, seconds)
          this.#progress.expect(seconds * (buildRounds * buildThreads.length - 1))
        })
      }
    }
  }

  /** Every effort once: its recall, and that everything is warm. */
  async #explore(): Promise<void> {
    const { k } = this.#protocol
    await this.#each(0, 'exploring', none, async (runner) => {
      const seen: { effort: number; recall: number }[] = []
      for (const effort of runner.spec.efforts) {
        const { slots } = await runner.process.ask<Found>({ do: 'search', effort, k, seconds: 0 })
        seen.push({ effort, recall: this.#recallOf(slots, k) })
        if (seen.at(-1)!.recall >= CURVE_TO) break
      }
      const first = Math.max(0, seen.findIndex(({ recall }) => recall >= CURVE_FROM) - 1)
      runner.efforts = seen.slice(first)
    })
    const { rounds, recalls, batchRecalls, batchThreads } = this.#protocol
    const batches = 2 * batchRecalls.length * batchThreads.length
    for (const { efforts } of this.#runners)
      this.#progress.expect(rounds * this.#point * (efforts.length + recalls.length + batches))
  }

  /** Ties all engines to the processor where the reference is quickest now, or lets them go for more threads than one. */
  async #place(threads: number): Promise<void> {
    const processes = this.#runners.map(({ process }) => process)
    const { k, reference } = this.#protocol
    const judge = this.#runners.find(({ spec }) => spec.name === reference) ?? this.#runners[0]
    const effort = judge?.efforts[0]?.effort
    if (threads > 1 || effort === undefined) return this.#placing.untie(processes)
    const pass = { do: 'search', effort, k, seconds: 0 }
    try {
      await this.#placing.tieToQuickest(
        processes,
        async () => 1 / (await judge!.process.ask<Found>(pass)).qps,
      )
    } catch {
      // Who failed here fails in its turn, which says why.
      this.#placing.untie(processes)
    }
  }

  async #round(round: number): Promise<void> {
    const { k, seconds } = this.#protocol
    await this.#place(1)
    for (const runner of this.#runners) {
      runner.curves.push([])
      runner.batches.push(new Map())
    }
    const longest = Math.max(0, ...this.#runners.map(({ efforts }) => efforts.length))
    for (let at = 0; at < longest; at++) {
      const expected = ({ efforts }: Runner) => (efforts[at] ? this.#point : 0)
      await this.#each(round + at, `round ${round + 1}`, expected, async (runner) => {
        const setting = runner.efforts[at]
        if (!setting) return
        const { effort, recall } = setting
        const { qps } = await runner.process.ask<Found>({ do: 'search', effort, k, seconds })
        runner.curves[round]!.push({ effort, recall, qps })
      })
    }
    for (const recall of this.#protocol.recalls) await this.#atRecall(round, recall)
  }

  /** Latency, and one call for all queries, at the efforts around a recall. */
  async #atRecall(round: number, recall: number): Promise<void> {
    const { k, seconds, batchRecalls, batchThreads } = this.#protocol
    await this.#each(
      round,
      `latency at ${recall}`,
      () => this.#point,
      async (runner) => {
        const effort = around(runner, recall).at(-1)?.effort
        if (effort === undefined) return
        const latency = await runner.process.ask<Latency>({ do: 'latency', effort, k, seconds })
        runner.latencies.set(recall, [...(runner.latencies.get(recall) ?? []), latency])
      },
    )
    if (!batchRecalls.includes(recall)) return
    for (const threads of batchThreads) {
      await this.#place(threads)
      await this.#each(
        round,
        `batches on ${threads} at ${recall}`,
        () => 2 * this.#point,
        async (runner) => {
          const taken = runner.batches[round]!
          for (const { effort } of runner.canBatch ? around(runner, recall) : []) {
            const key = `${threads} ${effort}`
            if (taken.has(key)) continue
            const request = { do: 'searchBatch', effort, k, seconds, threads }
            try {
              taken.set(key, (await runner.process.ask<Found>(request)).qps)
            } catch (error) {
              if (!(error instanceof Unsupported)) throw error
              if (threads === 1) runner.canBatch = false
              return
            }
          }
        },
      )
    }
    await this.#place(1)
  }

  async #files(): Promise<void> {
    this.#placing.untie(this.#runners.map(({ process }) => process))
    const folder = await mkdtemp(join(tmpdir(), 'nearfield-bench-'))
    try {
      await this.#each(0, 'saving and loading', none, async (runner) => {
        const path = join(folder, 'index')
        await rm(path, { recursive: true, force: true })
        runner.file = await runner.process.ask<Saved>({ do: 'save', path })
        const effort = runner.efforts.at(-1)?.effort ?? runner.spec.efforts[0]!
        runner.load = await runner.process.ask<Loaded>({ do: 'load', path, k: this.#protocol.k, effort })
      })
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  #result(): DatasetResult {
    const { name, about, rows, dim, metric, queries } = this.#dataset
    const { M, efConstruction, reference } = this.#protocol
    const judge = this.#runners.find(({ spec }) => spec.name === reference)
    return {
      name,
      about,
      rows,
      dim,
      metric,
      queries,
      M,
      efConstruction,
      engines: this.#runners.map((runner) => this.#engineResult(runner, judge)),
    }
  }

  #engineResult(runner: Runner, reference: Runner | undefined): EngineResult {
    const { spec, started, before, after, builds, efforts, curves, file, load } = runner
    const peak = after?.peak ?? before.peak
    return {
      name: spec.name,
      family: spec.family,
      kind: spec.kind,
      version: started.version,
      isa: started.isa,
      knob: spec.knob,
      builds: [...builds].map(([threads, seconds]) => ({ threads, seconds: spread(seconds) })),
      curve: efforts.map(({ effort, recall }, at) => ({
        effort,
        recall,
        qps: spread(curves.map((curve) => curve[at]!.qps)),
      })),
      at: this.#protocol.recalls.flatMap((recall) => this.#atResult(runner, reference, recall)),
      ...(after && { indexBytes: Math.max(0, after.resident - before.resident) }),
      peakBytes: peak,
      ...(file && { fileBytes: file.bytes }),
      ...(load && { loadSeconds: load.seconds }),
    }
  }

  #atResult(runner: Runner, reference: Runner | undefined, recall: number): EngineResult['at'] {
    const curve = ({ curves }: Runner) => curves.map((points) => qpsAt(points, recall))
    const qps = spreadOf(curve(runner))
    if (!qps) return []
    const ratio = reference && ratios(curve(runner), curve(reference))
    const latencies = runner.latencies.get(recall)
    const middle = (of: (latency: Latency) => number) => spread(latencies!.map(of)).median
    const batch = this.#protocol.batchThreads.flatMap((threads) => {
      const of = (other: Runner) => batchAt(other, recall, threads)
      const all = spreadOf(of(runner))
      const against = reference && ratios(of(runner), of(reference))
      return all ? [{ threads, qps: all, ...(against && { ratio: against }) }] : []
    })
    const latency = latencies && { p50: middle(({ p50 }) => p50), p99: middle(({ p99 }) => p99) }
    return [{ recall, qps, ...(ratio && { ratio }), ...(latency && { latency }), batch }]
  }
}

/** The last effort below a recall and the first at or above it; none where it is never reached. */
function around({ efforts }: Pick<Runner, 'efforts'>, recall: number) {
  const at = efforts.findIndex((setting) => setting.recall >= recall)
  return at < 0 ? [] : efforts.slice(Math.max(0, at - 1), at + 1)
}

/** Batches read at a recall, round by round. */
function batchAt(runner: Runner, recall: number, threads: number): (number | undefined)[] {
  return runner.batches.map((taken) => {
    const points = around(runner, recall).flatMap(({ effort, recall }) => {
      const qps = taken.get(`${threads} ${effort}`)
      return qps === undefined ? [] : [{ effort, recall, qps }]
    })
    return qpsAt(points, recall)
  })
}
