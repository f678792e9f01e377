/**
 * The process of every engine that runs in Node: one JSON request a line on stdin, one answer a line on
 * stdout, in order.
 *
 *   node --expose-gc bench/engines/node/host.ts <module> <peersFolder>
 *
 * What is the same for all engines is here: vectors, clocks, memory, errors. Only answers reach stdout;
 * what a peer prints goes to stderr. A request that fails is answered, and the next one is taken.
 */

import { Console } from 'node:console'
import { open } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type {
  Built,
  Found,
  Latency,
  Loaded,
  Memory,
  Refused,
  Request,
  Saved,
  Started,
} from '../../harness/contract.ts'
import { type AnyEngine, type EngineModule, Peers, rowsOf, Unsupported } from './engine.ts'

type Ask<T extends Request['do']> = Extract<Request, { do: T }>

const AFTER_START = ['build', 'search', 'searchBatch', 'latency', 'save', 'load', 'memory', 'insert']

/** Engine, queries and the effort that is set; everything that lasts from one request to the next. */
class Host {
  readonly #engine: AnyEngine
  readonly #flat: Float32Array
  readonly #queries: readonly unknown[]
  #effort: number | undefined
  /** Whether there is an index; engines need not ask. */
  #ready = false

  constructor(engine: AnyEngine, flat: Float32Array, dim: number) {
    this.#engine = engine
    this.#flat = flat
    this.#queries = rowsOf(flat, dim).map((query) => engine.queryOf(query))
  }

  /** Where more threads would build the same index in the same time, the one that is there stays. */
  async build({ threads, M, efConstruction }: Ask<'build'>): Promise<Built> {
    if (this.#ready) this.#expectThreads(threads)
    await this.close()
    collect()
    const took = await seconds(() => this.#engine.build({ threads, M, efConstruction }))
    this.#ready = true
    const { threadsMax = threads } = this.#engine
    return { seconds: took, threads: Math.min(threads, threadsMax) }
  }

  async insert({ batch, threads, M, efConstruction }: Ask<'insert'>): Promise<Built> {
    const insert = offered(this.#engine, 'insert', 'rows cannot be added to an index')
    await this.close()
    collect()
    const took = await seconds(() => insert(batch, { threads, M, efConstruction }))
    this.#ready = true
    return { seconds: took }
  }

  /** The first pass warms up and collects the answers; it is not timed. */
  async search({ effort, k, seconds: enough }: Ask<'search'>): Promise<Found> {
    const [engine, queries] = [this.#engine, this.#queries]
    await this.#prepare(effort)
    const slots: number[][] = []
    for (const query of queries) slots.push(Array.from(engine.slotsOf(await engine.search(query, k, effort))))
    collect()
    const passes = await repeat(enough, async () => {
      for (const query of queries) {
        const answer = engine.search(query, k, effort)
        // Awaiting what is no promise costs a turn of the event loop.
        if (answer instanceof Promise) await answer
      }
    })
    return { qps: (passes.count * queries.length) / passes.seconds, slots }
  }

  async searchBatch({ effort, k, threads, seconds: enough }: Ask<'searchBatch'>): Promise<Found> {
    const search = offered(this.#engine, 'searchBatch', 'it has no call for many queries')
    const rows = offered(this.#engine, 'rowsOf', 'its answers to many queries cannot be read')
    this.#expectThreads(threads)
    await this.#prepare(effort)
    const first = await search(this.#flat, k, effort, threads)
    const slots = rows(first).map((row) => Array.from(row))
    collect()
    const passes = await repeat(enough, () => search(this.#flat, k, effort, threads))
    return { qps: (passes.count * this.#queries.length) / passes.seconds, slots }
  }

  async latency({ effort, k, seconds: enough }: Ask<'latency'>): Promise<Latency> {
    const [engine, queries] = [this.#engine, this.#queries]
    await this.#prepare(effort)
    for (const query of queries) await engine.search(query, k, effort)
    collect()
    const times: number[] = []
    await repeat(enough, async () => {
      for (const query of queries) {
        const started = performance.now()
        const answer = engine.search(query, k, effort)
        if (answer instanceof Promise) await answer
        times.push(performance.now() - started)
      }
    })
    times.sort((a, b) => a - b)
    const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))]! * 1000
    return { p50: at(0.5), p99: at(0.99) }
  }

  async save({ path }: Ask<'save'>): Promise<Saved> {
    const save = offered(this.#engine, 'save', 'it writes no file')
    this.#expectIndex()
    return { bytes: await save(path) }
  }

  async load({ path, k, effort }: Ask<'load'>): Promise<Loaded> {
    const load = offered(this.#engine, 'load', 'it reads no file')
    await this.close()
    collect()
    const answered = async () => {
      await load(path)
      this.#ready = true
      await this.#prepare(effort)
      await this.#engine.search(this.#queries[0], k, effort)
    }
    return { seconds: await seconds(answered) }
  }

  memory(): Memory {
    collect()
    return { resident: process.memoryUsage.rss(), peak: process.resourceUsage().maxRSS * 1024 }
  }

  async close(): Promise<void> {
    this.#effort = undefined
    this.#ready = false
    await this.#engine.close()
  }

  async #prepare(effort: number): Promise<void> {
    this.#expectIndex()
    if (effort !== this.#effort) await this.#engine.setEffort?.(effort)
    this.#effort = effort
  }

  #expectThreads(threads: number): void {
    const { threadsMax = Number.POSITIVE_INFINITY } = this.#engine
    if (threads > threadsMax) throw new Unsupported(`it runs on ${threadsMax} thread, not on ${threads}`)
  }

  #expectIndex(): void {
    if (!this.#ready) throw new Error('expected build or load first, received a request that needs an index')
  }
}

/** So that one measurement does not pay for what another one left behind. */
function collect(): void {
  if (!globalThis.gc) throw new Error('expected node to run with --expose-gc, received no gc()')
  globalThis.gc()
}

type Optional = 'insert' | 'searchBatch' | 'rowsOf' | 'save' | 'load'

function offered<Name extends Optional>(engine: AnyEngine, name: Name, why: string) {
  const method = engine[name] as ((...values: never[]) => unknown) | undefined
  if (method === undefined) throw new Unsupported(why)
  return method.bind(engine) as NonNullable<AnyEngine[Name]>
}

async function seconds(work: () => unknown): Promise<number> {
  const started = performance.now()
  await work()
  return (performance.now() - started) / 1000
}

/** Passes until the clock has had enough, and one at the least. */
async function repeat(enough: number, pass: () => unknown): Promise<{ count: number; seconds: number }> {
  let [count, gone] = [0, 0]
  for (const started = performance.now(); count === 0 || gone < enough; count++) {
    await pass()
    gone = (performance.now() - started) / 1000
  }
  return { count, seconds: gone }
}

async function floats(path: string, dim: number, rows?: number): Promise<Float32Array> {
  await using file = await open(path)
  const { size } = await file.stat()
  const wanted = rows === undefined ? `a multiple of ${dim * 4}` : `${rows * dim * 4}`
  if (size % (dim * 4) !== 0 || (rows !== undefined && size !== rows * dim * 4))
    throw new Error(`${path}: expected ${wanted} bytes of float32, received ${size}`)
  const bytes = new Uint8Array(size)
  // Node refuses to read more than 2 GiB at once.
  for (let at = 0; at < size; ) {
    const { bytesRead } = await file.read(bytes, at, Math.min(size - at, 2 ** 30), at)
    if (bytesRead === 0) throw new Error(`${path}: expected ${size} bytes, received ${at}`)
    at += bytesRead
  }
  return new Float32Array(bytes.buffer)
}

async function start(request: Ask<'start'>, module: string, folder: string): Promise<[Host, Started]> {
  const { rows, dim, metric, variant, isa } = request
  const [base, queries] = await Promise.all([floats(request.base, dim, rows), floats(request.queries, dim)])
  const { start: startEngine } = (await import(`./${module}.ts`)) as EngineModule
  const peers = new Peers(folder)
  const engine = await startEngine({ base, queries, rows, dim, metric, variant, isa, peers })
  return [new Host(engine, queries, dim), { version: engine.version, isa: engine.isa }]
}

function refusal(error: unknown): Refused {
  if (error instanceof Unsupported) return { unsupported: error.message }
  // Modules of Emscripten throw things that are no errors.
  return { error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) }
}

async function main(module: string, folder: string): Promise<void> {
  const write = process.stdout.write.bind(process.stdout)
  process.stdout.write = process.stderr.write.bind(process.stderr)
  globalThis.console = new Console(process.stderr, process.stderr)

  let host: Host | undefined
  const answer = async (line: string): Promise<unknown> => {
    const request = JSON.parse(line) as Request
    if (request.do === 'start') {
      const [started, about] = await start(request, module, folder)
      host = started
      return about
    }
    if (!host) throw new Error(`expected start first, received ${request.do}`)
    if (!AFTER_START.includes(request.do))
      throw new Error(`expected a request of the contract, received ${JSON.stringify(request.do)}`)
    return await host[request.do](request as never)
  }
  for await (const line of createInterface({ input: process.stdin })) {
    const answered = await answer(line).catch(refusal)
    await new Promise((written) => write(`${JSON.stringify(answered)}\n`, written))
  }
  await host?.close()
}

const [module, folder] = process.argv.slice(2)
if (!module || !folder) {
  console.error('expected node --expose-gc host.ts <module> <peersFolder>')
  process.exit(2)
}
// So that engines remove what they have put on disk.
process.once('SIGTERM', () => process.exit(143))
await main(module, folder)
// Threads and timers of peers are no reason to stay.
process.exit(0)
