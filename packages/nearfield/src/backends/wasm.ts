/**
 * The WebAssembly module behind the {@link Backend} interface, in the calling thread: used as it is
 * in Node, Deno and Bun, and inside the worker of a page.
 *
 *   load() → glue, pool? → instantiate → start the pool → handles ↔ objects of the glue
 *
 * Every call blocks and is wrapped in a promise. Errors cross as `CODE: message`. A panic is such an
 * error and everything lives on; anything else that WebAssembly throws is a trap, after which the
 * instance's memory is not to be trusted: the backend is dead and says so to every later call.
 */

import type {
  AdderHandle,
  Backend,
  BackendInfo,
  BuilderHandle,
  DatasetHandle,
  GeneratorHandle,
  IndexHandle,
  KeyColumn,
  LentStage,
  Phase,
  Placing,
  RawHits,
  Room,
  SearchParams,
  StepReport,
  SyncCalls,
} from '../backend.ts'
import { STOPPED } from './methods.ts'
import type { ThreadsVariant } from './relaxed.ts'
import { type GlueStage, Stage, searchStaged } from './stage.ts'
import { isShared } from './worker-messages.ts'

export type WasmVariant = ThreadsVariant | 'single'

/** What the glue's `init` accepts; `undefined` lets it fetch the `.wasm` beside itself. */
export type WasmSource = BufferSource | WebAssembly.Module | Response | URL | string

/** The parts of a variant's folder; see packages/wasm/README.md, "Loading". */
export interface WasmParts {
  /** `await import('./wasm/<variant>/nearfield_wasm.js')` */
  readonly glue: unknown
  /** Not for `single`: `await import('./wasm/<variant>/pool-web.js')` or `pool-node.js`. */
  readonly pool?: unknown
  readonly module?: WasmSource | Promise<WasmSource>
}

export interface WasmOptions {
  readonly variant: WasmVariant
  /** Threads of the pool; ignored by `single`. */
  readonly threads: number
  /** Why this backend and not a better one; shown as `index.backend.why`. */
  readonly why: string
  readonly load: () => Promise<WasmParts>
  /** Names this pool's messages on the `nearfield-pool` channel. */
  readonly poolName?: string
  /** Called once, when the module has trapped. */
  readonly died?: (cause: unknown) => void
}

interface GlueObject {
  free(): void
}
interface GlueFloats extends GlueObject {
  at(): number
}
interface GlueBuilder extends GlueObject {
  step(threads: number): void
  phase(): Phase
  done(): bigint
  total(): bigint
  finish(): GlueIndex
}
interface GlueAdder extends GlueObject {
  step(threads: number): void
  phase(): Phase
  done(): bigint
  total(): bigint
  finish(): number
}
interface GlueLoader extends GlueObject {
  write(chunk: Uint8Array): void
  import(
    options: string,
    numbers: Float64Array | undefined,
    text: Uint8Array | undefined,
    offsets: BigUint64Array | undefined,
  ): GlueBuilder
  finish(threads: number): GlueIndex
}
interface GlueKeys extends GlueObject {
  numbers(): Float64Array | undefined
  text(): Uint8Array | undefined
  offsets(): BigUint64Array | undefined
}
interface GlueHits extends GlueObject {
  slots(): Uint32Array
  distances(): Float32Array
  counts(): Uint32Array
}
interface GlueIndex extends GlueObject, GlueStage {
  freeze(): GlueIndex
  /** Not of `single`. */
  lend?(): GlueIndex & { at(): number }
  describe(): string
  size(): number
  keys(): GlueKeys | undefined
  explain(k: number, effort: number, exact: boolean, rerank: boolean): string
  search_batch(
    queries: GlueFloats,
    rows: number,
    k: number,
    effort: number,
    exact: boolean,
    rerank: boolean,
    threads: number,
  ): GlueHits
  dim(): number
  read_file(offset: bigint, bytes: number): Uint8Array
  export_bytes(): bigint
  read_export(offset: bigint, bytes: number): Uint8Array
  check(): void
}

interface GlueGenerator extends GlueObject {
  /** Makes another room; its number. */
  room(bytes: number): number
  /** Where a room is. */
  at(room: number): number
  fill(offset: bigint, room: number, from: number, bytes: number, threads: number): number
}
interface GlueDataset extends GlueObject {
  fill(first: bigint, into: GlueFloats, threads: number): void
  step(threads: number): void
  phase(): Phase
  done(): bigint
  total(): bigint
  truth(queries: GlueFloats, asked: number, k: number, threads: number): GlueHits
  build(
    options: string,
    numbers: Float64Array | undefined,
    text: Uint8Array | undefined,
    offsets: BigUint64Array | undefined,
  ): GlueBuilder
}

/** What this file uses of the glue wasm-bindgen generates. */
interface Glue {
  default(input: { module_or_path?: unknown }): Promise<unknown>
  linear_memory(): WebAssembly.Memory
  simd(): string
  inject_fault(kind: string): void
  initThreadPool?(threads: number): Promise<void>
  usePoolStarter?(start: Pool['start']): void
  readonly Floats: new (length: number) => GlueFloats
  readonly Builder: new (
    vectors: GlueFloats,
    options: string,
    numbers: Float64Array | undefined,
    text: Uint8Array | undefined,
    offsets: BigUint64Array | undefined,
    threads: number,
  ) => GlueBuilder
  readonly Adder: new (
    index: GlueIndex,
    vectors: GlueFloats,
    numbers: Float64Array | undefined,
    text: Uint8Array | undefined,
    offsets: BigUint64Array | undefined,
    threads: number,
  ) => GlueAdder
  readonly Index: { empty(options: string): GlueIndex }
  readonly Loader: new (bytesTotal: bigint, options: string) => GlueLoader
  readonly Generator: new (options: string, room: number) => GlueGenerator
  readonly Dataset: new (options: string, threads: number) => GlueDataset
}

interface Pool {
  start(module: unknown, memory: unknown, builder: unknown): Promise<void>
  end(): void | Promise<void>
}

interface OpenIndex {
  readonly raw: GlueIndex
  size: number
  readonly dim: number
  readonly stage: Stage
  /** What another thread searches by. */
  lent?: GlueIndex
}

/** A batch and the index it goes into. */
interface Adding extends GlueObject {
  readonly raw: GlueAdder
  readonly index: OpenIndex
}

/** Reads the module, starts the pool and gives the backend. */
export async function createWasmBackend(options: WasmOptions): Promise<WasmBackend> {
  const { variant, threads, why } = options
  const parts = await options.load()
  const glue = parts.glue as Glue
  const source = await parts.module
  await glue.default(source === undefined ? {} : { module_or_path: source })
  let pool: Pool | undefined
  if (variant !== 'single') {
    if (!glue.initThreadPool || !glue.usePoolStarter || !parts.pool) {
      throw new Error(
        'BACKEND: expected a build with threads and its pool, received the single build or no pool',
      )
    }
    const { createPool } = parts.pool as { createPool(name: string): Pool }
    pool = createPool(options.poolName ?? crypto.randomUUID())
    glue.usePoolStarter(pool.start)
    await glue.initThreadPool(Math.max(1, threads))
  }
  const info: BackendInfo = {
    kind: variant === 'single' ? 'wasm' : 'wasm-threads',
    why,
    simd: glue.simd(),
    threads: pool ? Math.max(1, threads) : 1,
  }
  return new WasmBackend(info, glue, pool, options.died)
}

/** A generator's bytes are made here, then copied: enough for all threads, and still in a cache. */
const ROOM_BYTES = 2 << 20

const aliveError = /^[A-Z_]+: /

export class WasmBackend implements Backend {
  readonly info: BackendInfo
  readonly sync: SyncCalls
  readonly lent = null
  readonly #glue: Glue
  readonly #memory: WebAssembly.Memory
  readonly #pool: Pool | undefined
  readonly #died: ((cause: unknown) => void) | undefined
  readonly #builders = new Map<number, GlueBuilder>()
  readonly #adders = new Map<number, Adding>()
  readonly #loaders = new Map<number, GlueLoader>()
  readonly #indexes = new Map<number, OpenIndex>()
  readonly #generators = new Map<number, GlueGenerator>()
  readonly #datasets = new Map<number, GlueDataset>()
  #handle = 0
  #dead: Error | undefined

  constructor(info: BackendInfo, glue: Glue, pool: Pool | undefined, died?: (cause: unknown) => void) {
    this.info = info
    this.#glue = glue
    this.#memory = glue.linear_memory()
    this.#pool = pool
    this.#died = died
    this.sync = {
      searchInto: (index, query, k, effort, exact, rerank, slots, distances) =>
        this.#searchInto(index, query, k, effort, exact, rerank, slots, distances),
      generatorFill: (generator, offset, into, threads) => this.#generate(generator, offset, into, threads),
      generatorFillRoom: (...args) => this.#fillRoom(...args),
    }
  }

  async buildBegin(
    vectors: Float32Array,
    options: string,
    keys: KeyColumn | null,
    threads: number,
  ): Promise<number> {
    return this.#guard(() => {
      const builder = new this.#glue.Builder(this.#copyIn(vectors), options, ...columns(keys), threads)
      return this.#keep(this.#builders, builder)
    })
  }

  async buildStep(handle: number, threads: number): Promise<StepReport> {
    return this.#guard(() => {
      const builder = held(this.#builders, handle, 'builder')
      builder.step(threads)
      return report(builder)
    })
  }

  async buildFinish(handle: number): Promise<IndexHandle> {
    return this.#guard(() => this.#keepIndex(taken(this.#builders, handle, 'builder').finish()))
  }

  async buildDrop(handle: number): Promise<void> {
    this.#free(this.#builders, handle)
  }

  async create(options: string): Promise<IndexHandle> {
    return this.#guard(() => this.#keepIndex(this.#glue.Index.empty(options)))
  }

  async addBegin(
    handle: IndexHandle,
    vectors: Float32Array,
    keys: KeyColumn | null,
    threads: number,
  ): Promise<AdderHandle> {
    return this.#guard(() => {
      const index = held(this.#indexes, handle, 'index')
      const raw = new this.#glue.Adder(index.raw, this.#copyIn(vectors), ...columns(keys), threads)
      return this.#keep(this.#adders, { raw, index, free: () => raw.free() })
    })
  }

  async addStep(handle: AdderHandle, threads: number): Promise<StepReport> {
    return this.#guard(() => {
      const { raw } = held(this.#adders, handle, 'batch')
      raw.step(threads)
      return report(raw)
    })
  }

  async addFinish(handle: AdderHandle): Promise<number> {
    return this.#guard(() => {
      const { raw, index } = taken(this.#adders, handle, 'batch')
      const first = raw.finish()
      index.size = index.raw.size()
      return first
    })
  }

  async addDrop(handle: AdderHandle): Promise<void> {
    this.#free(this.#adders, handle)
  }

  async freeze(handle: IndexHandle): Promise<IndexHandle> {
    return this.#guard(() => this.#keepIndex(held(this.#indexes, handle, 'index').raw.freeze()))
  }

  async openBegin(bytesTotal: number, options: string): Promise<number> {
    return this.#guard(() => {
      return this.#keep(this.#loaders, new this.#glue.Loader(BigInt(bytesTotal), options))
    })
  }

  async openWrite(handle: number, chunk: Uint8Array): Promise<void> {
    this.#guard(() => held(this.#loaders, handle, 'loader').write(chunk))
  }

  async openFinish(handle: number, threads: number): Promise<IndexHandle> {
    return this.#guard(() => this.#keepIndex(taken(this.#loaders, handle, 'loader').finish(threads)))
  }

  async openDrop(handle: number): Promise<void> {
    this.#free(this.#loaders, handle)
  }

  async importBegin(handle: number, options: string, keys: KeyColumn | null): Promise<number> {
    return this.#guard(() => {
      const builder = taken(this.#loaders, handle, 'loader').import(options, ...columns(keys))
      return this.#keep(this.#builders, builder)
    })
  }

  async importMapped(path: string): Promise<number> {
    throw this.#cannotMap(path)
  }

  async openMapped(path: string): Promise<IndexHandle> {
    throw this.#cannotMap(path)
  }

  #cannotMap(path: string): Error {
    return new Error(
      `BACKEND: only the native backend maps files, this is ${this.info.kind}; open ${path} without mapping`,
    )
  }

  async describe(handle: IndexHandle): Promise<string> {
    return this.#guard(() => held(this.#indexes, handle, 'index').raw.describe())
  }

  async keys(handle: IndexHandle): Promise<KeyColumn | null> {
    return this.#guard(() => {
      const keys = held(this.#indexes, handle, 'index').raw.keys()
      if (!keys) return null
      const [numbers, bytes, offsets] = [keys.numbers(), keys.text(), keys.offsets()]
      keys.free()
      if (numbers) return numbers
      return bytes && offsets ? { bytes, offsets: Float64Array.from(offsets, Number) } : null
    })
  }

  async search(handle: IndexHandle, query: Float32Array, params: SearchParams): Promise<RawHits> {
    const { k, effort, exact, rerank } = params
    const room = this.#guard(() => Math.min(k, held(this.#indexes, handle, 'index').size))
    const slots = new Uint32Array(room)
    const distances = new Float32Array(room)
    const count = this.#searchInto(handle, query, k, effort, exact, rerank, slots, distances)
    return { slots, distances, counts: Uint32Array.of(count) }
  }

  async searchBatch(
    handle: IndexHandle,
    queries: Float32Array,
    params: SearchParams,
    threads: number,
  ): Promise<RawHits> {
    return this.#guard(() => {
      const { raw, dim } = held(this.#indexes, handle, 'index')
      const rows = Math.ceil(queries.length / dim)
      const { k, effort, exact, rerank } = params
      const hits = raw.search_batch(this.#copyIn(queries), rows, k, effort, exact, rerank, threads)
      const answer = { slots: hits.slots(), distances: hits.distances(), counts: hits.counts() }
      hits.free()
      return answer
    })
  }

  async explain(
    handle: IndexHandle,
    query: Float32Array,
    { k, effort, exact, rerank }: SearchParams,
  ): Promise<string> {
    return this.#guard(() => {
      const index = held(this.#indexes, handle, 'index')
      index.stage.reserve(this.#memory, query.length, Math.min(k, index.size))
      index.stage.query.set(query)
      return index.raw.explain(k, effort, exact, rerank)
    })
  }

  async readFile(handle: IndexHandle, offset: number, bytes: number): Promise<Uint8Array> {
    return this.#guard(() => held(this.#indexes, handle, 'index').raw.read_file(BigInt(offset), bytes))
  }

  async exportBytes(handle: IndexHandle): Promise<number> {
    return this.#guard(() => Number(held(this.#indexes, handle, 'index').raw.export_bytes()))
  }

  async readExport(handle: IndexHandle, offset: number, bytes: number): Promise<Uint8Array> {
    return this.#guard(() => held(this.#indexes, handle, 'index').raw.read_export(BigInt(offset), bytes))
  }

  async check(handle: IndexHandle): Promise<void> {
    this.#guard(() => held(this.#indexes, handle, 'index').raw.check())
  }

  async drop(handle: IndexHandle): Promise<void> {
    const open = this.#indexes.get(handle)
    this.#indexes.delete(handle)
    if (!open || this.#dead) return
    this.#guard(() => {
      open.lent?.free()
      open.raw.free()
    })
  }

  async lendStage(handle: IndexHandle, hits: number): Promise<LentStage | null> {
    return this.#guard(() => {
      const open = held(this.#indexes, handle, 'index')
      const lent = open.raw.lend?.()
      if (!lent) return null
      open.lent?.free()
      open.lent = lent
      lent.stage(open.dim, hits)
      const places = [lent.query_at(), lent.slots_at(), lent.distances_at(), lent.at()] as const
      return { memory: this.#memory.buffer, dim: open.dim, places }
    })
  }

  async generatorOpen(options: string): Promise<GeneratorHandle> {
    return this.#guard(() => this.#keep(this.#generators, new this.#glue.Generator(options, ROOM_BYTES)))
  }

  async generatorPlacing(): Promise<Placing> {
    return { pinned: false, why: 'WebAssembly has no say in it' }
  }

  async generatorFill(
    handle: GeneratorHandle,
    offset: number,
    into: Uint8Array,
    threads: number,
  ): Promise<number> {
    return this.#generate(handle, offset, into, threads)
  }

  async generatorMake(
    handle: GeneratorHandle,
    offset: number,
    bytes: number,
    threads: number,
  ): Promise<Uint8Array> {
    const into = new Uint8Array(bytes)
    const count = this.#generate(handle, offset, into, threads)
    return count === bytes ? into : into.slice(0, count)
  }

  /** Where memory is shared a view of it stays whole as it grows, and other threads see it. */
  async generatorRoom(handle: GeneratorHandle, bytes: number): Promise<Room | null> {
    return this.#guard(() => {
      const generator = held(this.#generators, handle, 'generator')
      if (!isShared(this.#memory.buffer)) return null
      const room = generator.room(bytes)
      return { room, memory: this.#memory.buffer, at: generator.at(room) >>> 0 }
    })
  }

  async generatorFillRoom(...args: Parameters<SyncCalls['generatorFillRoom']>): Promise<number> {
    return this.#fillRoom(...args)
  }

  #fillRoom(
    handle: GeneratorHandle,
    offset: number,
    room: number,
    from: number,
    bytes: number,
    threads: number,
  ): number {
    return this.#guard(() =>
      held(this.#generators, handle, 'generator').fill(BigInt(offset), room, from, bytes, threads),
    )
  }

  async generatorDrop(handle: GeneratorHandle): Promise<void> {
    this.#free(this.#generators, handle)
  }

  #generate(handle: GeneratorHandle, offset: number, into: Uint8Array, threads: number): number {
    return this.#guard(() => {
      const generator = held(this.#generators, handle, 'generator')
      let done = 0
      while (done < into.length) {
        const wanted = Math.min(ROOM_BYTES, into.length - done)
        const count = generator.fill(BigInt(offset + done), 0, 0, wanted, threads)
        into.set(new Uint8Array(this.#memory.buffer, generator.at(0) >>> 0, count), done)
        done += count
        if (count < wanted) break
      }
      return done
    })
  }

  async datasetOpen(options: string, threads: number): Promise<DatasetHandle> {
    return this.#guard(() => this.#keep(this.#datasets, new this.#glue.Dataset(options, threads)))
  }

  async datasetFill(
    handle: DatasetHandle,
    first: number,
    into: Float32Array,
    threads: number,
  ): Promise<void> {
    this.#guard(() => {
      const dataset = held(this.#datasets, handle, 'data set')
      const floats = new this.#glue.Floats(into.length)
      try {
        dataset.fill(BigInt(first), floats, threads)
        into.set(new Float32Array(this.#memory.buffer, floats.at(), into.length))
      } finally {
        floats.free()
      }
    })
  }

  async datasetMake(
    handle: DatasetHandle,
    first: number,
    numbers: number,
    threads: number,
  ): Promise<Float32Array> {
    const into = new Float32Array(numbers)
    await this.datasetFill(handle, first, into, threads)
    return into
  }

  async datasetStep(handle: DatasetHandle, threads: number): Promise<StepReport> {
    return this.#guard(() => {
      const dataset = held(this.#datasets, handle, 'data set')
      dataset.step(threads)
      return report(dataset)
    })
  }

  async datasetTruth(
    handle: DatasetHandle,
    queries: Float32Array,
    asked: number,
    k: number,
    threads: number,
  ): Promise<RawHits> {
    return this.#guard(() => {
      const dataset = held(this.#datasets, handle, 'data set')
      const hits = dataset.truth(this.#copyIn(queries), asked, k, threads)
      const answer = { slots: hits.slots(), distances: hits.distances(), counts: hits.counts() }
      hits.free()
      return answer
    })
  }

  async datasetBuild(handle: DatasetHandle, options: string, keys: KeyColumn | null): Promise<BuilderHandle> {
    return this.#guard(() => {
      const builder = taken(this.#datasets, handle, 'data set').build(options, ...columns(keys))
      return this.#keep(this.#builders, builder)
    })
  }

  async datasetDrop(handle: DatasetHandle): Promise<void> {
    this.#free(this.#datasets, handle)
  }

  async shutdown(): Promise<void> {
    this.#dead ??= new Error('CLOSED: this backend was shut down')
    this.#builders.clear()
    this.#adders.clear()
    this.#loaders.clear()
    this.#indexes.clear()
    this.#generators.clear()
    this.#datasets.clear()
    await this.#pool?.end()
  }

  /** `panic` or `trap`, either also after `pool-` or `share-`, for tests. */
  async injectFault(kind: string): Promise<void> {
    this.#guard(() => this.#glue.inject_fault(kind))
  }

  #searchInto(
    handle: IndexHandle,
    query: Float32Array,
    k: number,
    effort: number,
    exact: boolean,
    rerank: boolean,
    slots: Uint32Array,
    distances: Float32Array,
  ): number {
    if (this.#dead) throw this.#dead
    const index = held(this.#indexes, handle, 'index')
    // No closure and no guard(): this is the hot path.
    try {
      const { raw, stage, size } = index
      stage.reserve(this.#memory, query.length, Math.min(k, size, slots.length, distances.length))
      return searchStaged(raw, stage, query, k, effort, exact, rerank, slots, distances)
    } catch (error) {
      throw this.#lift(error)
    }
  }

  #copyIn(vectors: Float32Array): GlueFloats {
    const floats = new this.#glue.Floats(vectors.length)
    new Float32Array(this.#memory.buffer, floats.at(), vectors.length).set(vectors)
    return floats
  }

  #keepIndex(raw: GlueIndex): number {
    return this.#keep(this.#indexes, { raw, size: raw.size(), dim: raw.dim(), stage: new Stage(raw) })
  }

  #keep<T>(table: Map<number, T>, object: T): number {
    this.#handle += 1
    table.set(this.#handle, object)
    return this.#handle
  }

  #free(table: Map<number, GlueObject>, handle: number): void {
    const object = table.get(handle)
    table.delete(handle)
    if (object && !this.#dead) this.#guard(() => object.free())
  }

  #guard<T>(call: () => T): T {
    if (this.#dead) throw this.#dead
    try {
      return call()
    } catch (error) {
      throw this.#lift(error)
    }
  }

  #lift(error: unknown): Error {
    const message = error instanceof Error ? error.message : String(error)
    if (error instanceof Error && error.name === 'PanicError') {
      return new Error(`BACKEND: internal error: ${message}`, { cause: error })
    }
    if (error instanceof Error && aliveError.test(message)) return error
    this.#dead = new Error(`BACKEND: ${STOPPED}: ${message}`, { cause: error })
    this.#died?.(error)
    return this.#dead
  }
}

/** Keys as the glue takes them. */
function columns(
  keys: KeyColumn | null,
): [numbers: Float64Array | undefined, text: Uint8Array | undefined, offsets: BigUint64Array | undefined] {
  if (keys === null || keys instanceof Float64Array) return [keys ?? undefined, undefined, undefined]
  return [undefined, keys.bytes, BigUint64Array.from(keys.offsets, BigInt)]
}

function report(steps: GlueBuilder | GlueAdder | GlueDataset): StepReport {
  return { phase: steps.phase(), done: Number(steps.done()), total: Number(steps.total()) }
}

function held<T>(table: Map<number, T>, handle: number, what: string): T {
  const object = table.get(handle)
  if (object === undefined) throw new Error(`CLOSED: expected an open ${what}, received a closed one`)
  return object
}

function taken<T>(table: Map<number, T>, handle: number, what: string): T {
  const object = held(table, handle, what)
  table.delete(handle)
  return object
}
