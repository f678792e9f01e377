/**
 * The addon behind the {@link Backend} interface: numbers for its objects, nothing else.
 *
 * Handles are never used twice, so a stale one is an error and not somebody else's index.
 */

import type { Adder, Addon, Builder, Dataset, Generator, Index, Loaded, Loader } from '@nearfield/native'
import type {
  AdderHandle,
  Backend,
  BackendInfo,
  BuilderHandle,
  DatasetHandle,
  GeneratorHandle,
  IndexHandle,
  KeyColumn,
  LoaderHandle,
  Placing,
  RawHits,
  SearchParams,
  StepReport,
  SyncCalls,
} from '../backend.ts'

/** Loads the addon; rejects with an error that says why it cannot and what to do. */
export async function loadNativeBackend(): Promise<Backend> {
  let native: typeof import('@nearfield/native')
  try {
    native = await import('@nearfield/native')
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`BACKEND: cannot load @nearfield/native: ${said}. Install it beside nearfield.`, {
      cause,
    })
  }
  try {
    return new NativeBackend(native.loadNative())
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`BACKEND: ${said}`, { cause })
  }
}

interface Closable {
  close(): void
}

class Handles<T extends Closable> {
  readonly #open = new Map<number, T>()
  readonly #what: string
  #next = 1

  constructor(what: string) {
    this.#what = what
  }

  add(value: T): number {
    const handle = this.#next++
    this.#open.set(handle, value)
    return handle
  }

  get(handle: number): T {
    const value = this.#open.get(handle)
    if (value === undefined) throw new Error(`CLOSED: this ${this.#what} is closed`)
    return value
  }

  /** Forgets the handle; its object is the caller's to close. */
  take(handle: number): T {
    const value = this.get(handle)
    this.#open.delete(handle)
    return value
  }

  drop(handle: number): void {
    this.#open.get(handle)?.close()
    this.#open.delete(handle)
  }

  dropAll(): void {
    for (const handle of [...this.#open.keys()]) this.drop(handle)
  }
}

function noRoom(): never {
  throw new Error('BACKEND: the addon has no rooms, it writes where the caller says')
}

class NativeBackend implements Backend {
  readonly info: BackendInfo
  readonly sync: SyncCalls
  readonly lent = null
  readonly #addon: Addon
  readonly #builders = new Handles<Builder>('builder')
  readonly #adders = new Handles<Adder>('batch')
  readonly #loaders = new Handles<Loader>('loader')
  readonly #indexes = new Handles<Index>('index')
  readonly #generators = new Handles<Generator>('generator')
  readonly #datasets = new Handles<Dataset>('data set')

  constructor({ addon, platform }: Loaded) {
    this.#addon = addon
    this.info = { kind: 'native', why: `native addon for ${platform}`, ...addon.capabilities() }
    const indexes = this.#indexes
    const generators = this.#generators
    this.sync = {
      searchInto: (index, query, k, effort, exact, rerank, slots, distances) =>
        indexes.get(index).searchInto(query, k, effort, exact, rerank, slots, distances),
      generatorFill: (generator, offset, into, threads) =>
        generators.get(generator).fill(offset, into, threads),
      generatorFillRoom: noRoom,
    }
  }

  async buildBegin(
    vectors: Float32Array,
    options: string,
    keys: KeyColumn | null,
    threads: number,
  ): Promise<BuilderHandle> {
    return this.#builders.add(new this.#addon.Builder(vectors, options, keys, threads))
  }

  async buildStep(builder: BuilderHandle, threads: number): Promise<StepReport> {
    return this.#builders.get(builder).step(threads)
  }

  async buildFinish(builder: BuilderHandle): Promise<IndexHandle> {
    return this.#indexes.add(await this.#builders.take(builder).finish())
  }

  async buildDrop(builder: BuilderHandle): Promise<void> {
    this.#builders.drop(builder)
  }

  async create(options: string): Promise<IndexHandle> {
    return this.#indexes.add(this.#addon.Index.empty(options))
  }

  async addBegin(
    index: IndexHandle,
    vectors: Float32Array,
    keys: KeyColumn | null,
    threads: number,
  ): Promise<AdderHandle> {
    return this.#adders.add(new this.#addon.Adder(this.#indexes.get(index), vectors, keys, threads))
  }

  async addStep(adder: AdderHandle, threads: number): Promise<StepReport> {
    return this.#adders.get(adder).step(threads)
  }

  async addFinish(adder: AdderHandle): Promise<number> {
    const { first } = await this.#adders.take(adder).finish()
    return first
  }

  async addDrop(adder: AdderHandle): Promise<void> {
    this.#adders.drop(adder)
  }

  async freeze(index: IndexHandle): Promise<IndexHandle> {
    return this.#indexes.add(await this.#indexes.get(index).freeze())
  }

  async openBegin(bytesTotal: number, options: string): Promise<LoaderHandle> {
    return this.#loaders.add(new this.#addon.Loader(bytesTotal, options))
  }

  async openWrite(loader: LoaderHandle, chunk: Uint8Array): Promise<void> {
    this.#loaders.get(loader).write(chunk)
  }

  async openFinish(loader: LoaderHandle, threads: number): Promise<IndexHandle> {
    return this.#indexes.add(await this.#loaders.take(loader).finish(threads))
  }

  async openDrop(loader: LoaderHandle): Promise<void> {
    this.#loaders.drop(loader)
  }

  async importBegin(loader: LoaderHandle, options: string, keys: KeyColumn | null): Promise<BuilderHandle> {
    return this.#builders.add(this.#loaders.take(loader).import(options, keys))
  }

  async importMapped(path: string, options: string, keys: KeyColumn | null): Promise<BuilderHandle> {
    return this.#builders.add(await this.#addon.Builder.importMapped(path, options, keys))
  }

  async openMapped(path: string, options: string, threads: number): Promise<IndexHandle> {
    return this.#indexes.add(await this.#addon.Index.openMapped(path, options, threads))
  }

  async describe(index: IndexHandle): Promise<string> {
    return this.#indexes.get(index).describe()
  }

  async keys(index: IndexHandle): Promise<KeyColumn | null> {
    return this.#indexes.get(index).keys()
  }

  async search(
    index: IndexHandle,
    query: Float32Array,
    { k, effort, exact, rerank }: SearchParams,
  ): Promise<RawHits> {
    return this.#indexes.get(index).search(query, k, effort, exact, rerank)
  }

  async searchBatch(
    index: IndexHandle,
    queries: Float32Array,
    { k, effort, exact, rerank }: SearchParams,
    threads: number,
  ): Promise<RawHits> {
    return this.#indexes.get(index).searchBatch(queries, k, effort, exact, rerank, threads)
  }

  async explain(
    index: IndexHandle,
    query: Float32Array,
    { k, effort, exact, rerank }: SearchParams,
  ): Promise<string> {
    return this.#indexes.get(index).explain(query, k, effort, exact, rerank)
  }

  async readFile(index: IndexHandle, offset: number, bytes: number): Promise<Uint8Array> {
    return this.#indexes.get(index).readFile(offset, bytes)
  }

  async exportBytes(index: IndexHandle): Promise<number> {
    return this.#indexes.get(index).exportBytes()
  }

  async readExport(index: IndexHandle, offset: number, bytes: number): Promise<Uint8Array> {
    return this.#indexes.get(index).readExport(offset, bytes)
  }

  async check(index: IndexHandle): Promise<void> {
    return this.#indexes.get(index).check()
  }

  async lendStage(): Promise<null> {
    return null
  }

  async drop(index: IndexHandle): Promise<void> {
    this.#indexes.drop(index)
  }

  async generatorOpen(options: string, placed: boolean): Promise<GeneratorHandle> {
    return this.#generators.add(new this.#addon.Generator(options, placed))
  }

  async generatorPlacing(generator: GeneratorHandle, threads: number): Promise<Placing> {
    return this.#generators.get(generator).placing(threads)
  }

  async generatorFill(
    generator: GeneratorHandle,
    offset: number,
    into: Uint8Array,
    threads: number,
  ): Promise<number> {
    return this.#generators.get(generator).fill(offset, into, threads)
  }

  async generatorMake(
    generator: GeneratorHandle,
    offset: number,
    bytes: number,
    threads: number,
  ): Promise<Uint8Array> {
    const into = new Uint8Array(bytes)
    return into.subarray(0, this.#generators.get(generator).fill(offset, into, threads))
  }

  /** The caller's memory is as near as any. */
  async generatorRoom(): Promise<null> {
    return null
  }

  async generatorFillRoom(): Promise<number> {
    return noRoom()
  }

  async generatorDrop(generator: GeneratorHandle): Promise<void> {
    this.#generators.drop(generator)
  }

  async datasetOpen(options: string, threads: number): Promise<DatasetHandle> {
    return this.#datasets.add(new this.#addon.Dataset(options, threads))
  }

  async datasetFill(
    dataset: DatasetHandle,
    first: number,
    into: Float32Array,
    threads: number,
  ): Promise<void> {
    this.#datasets.get(dataset).fill(first, into, threads)
  }

  async datasetMake(
    dataset: DatasetHandle,
    first: number,
    numbers: number,
    threads: number,
  ): Promise<Float32Array> {
    const into = new Float32Array(numbers)
    this.#datasets.get(dataset).fill(first, into, threads)
    return into
  }

  async datasetStep(dataset: DatasetHandle, threads: number): Promise<StepReport> {
    return this.#datasets.get(dataset).step(threads)
  }

  async datasetTruth(
    dataset: DatasetHandle,
    queries: Float32Array,
    asked: number,
    k: number,
    threads: number,
  ): Promise<RawHits> {
    return this.#datasets.get(dataset).truth(queries, asked, k, threads)
  }

  async datasetBuild(
    dataset: DatasetHandle,
    options: string,
    keys: KeyColumn | null,
  ): Promise<BuilderHandle> {
    return this.#builders.add(this.#datasets.take(dataset).build(options, keys))
  }

  async datasetDrop(dataset: DatasetHandle): Promise<void> {
    this.#datasets.drop(dataset)
  }

  /** Frees what is open. The addon joins its threads when the environment ends. */
  async shutdown(): Promise<void> {
    this.#builders.dropAll()
    this.#adders.dropAll()
    this.#loaders.dropAll()
    this.#indexes.dropAll()
    this.#generators.dropAll()
    this.#datasets.dropAll()
  }
}
