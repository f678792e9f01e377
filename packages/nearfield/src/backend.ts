/**
 * The one hand-kept list of what a backend can do. Native, in-process WebAssembly and the worker
 * client implement it; worker messages are derived from it. Handles are numbers so that every call
 * can cross a `postMessage`. All methods are asynchronous here; a backend that may also block
 * offers {@link SyncCalls}.
 */

export type BackendKind = 'native' | 'wasm-threads' | 'wasm'

/** Which backend answers, and why it and not a better one. */
export interface BackendInfo {
  readonly kind: BackendKind
  /** One sentence, e.g. "native addon for linux-x64-gnu" or "page is not cross-origin isolated". */
  readonly why: string
  /** Instruction set of the kernels, a word of the option `isa`. */
  readonly simd: string
  /** Threads a call may use. */
  readonly threads: number
}

export type BuilderHandle = number
export type AdderHandle = number
export type LoaderHandle = number
export type IndexHandle = number
export type GeneratorHandle = number
export type DatasetHandle = number

export type Phase = 'prepare' | 'encode' | 'part' | 'link' | 'repair' | 'done'
export interface StepReport {
  readonly phase: Phase
  readonly done: number
  readonly total: number
}

/** Keys as columns: safe integers, or UTF-8 bytes with `rows + 1` offsets. */
export type KeyColumn = Float64Array | { readonly bytes: Uint8Array; readonly offsets: Float64Array }

/**
 * `effort` is `ef` of a graph and `probes` of zones, 0 the index's default, from `RECALL_EFFORT` on the recall that zones are to
 * keep; `threads` 0 means all.
 */
export interface SearchParams {
  readonly k: number
  readonly effort: number
  readonly exact: boolean
  /** Answer by the vectors; false answers by the codes, where there are any. */
  readonly rerank: boolean
}

/** Row `i` is `k` wide and has `counts[i]` answers. */
export interface RawHits {
  readonly slots: Uint32Array
  readonly distances: Float32Array
  readonly counts: Uint32Array
}

/** Whether threads are tied to nodes of memory. */
export interface Placing {
  readonly pinned: boolean
  /** What was done, or why nothing. */
  readonly why: string
}

/** A place of a backend's own memory. */
export interface Room {
  readonly room: number
  readonly memory: SharedArrayBuffer
  readonly at: number
}

/** Where in a backend's own memory another thread puts a query and finds answers, see `backends/lent.ts`. */
export interface LentStage {
  readonly memory: ArrayBufferLike
  readonly dim: number
  /** `index` is the one with this stage. */
  readonly places: readonly [query: number, slots: number, distances: number, index: number]
}

export interface Backend {
  readonly info: BackendInfo
  /** Copies `vectors` before it returns. `options` is JSON checked by the core. */
  buildBegin(
    vectors: Float32Array,
    options: string,
    keys: KeyColumn | null,
    threads: number,
  ): Promise<BuilderHandle>
  buildStep(builder: BuilderHandle, threads: number): Promise<StepReport>
  /** Consumes the builder. */
  buildFinish(builder: BuilderHandle): Promise<IndexHandle>
  buildDrop(builder: BuilderHandle): Promise<void>
  /** An index without rows. `options` is JSON checked by the core. */
  create(options: string): Promise<IndexHandle>
  /** Copies `vectors` before it returns. */
  addBegin(
    index: IndexHandle,
    vectors: Float32Array,
    keys: KeyColumn | null,
    threads: number,
  ): Promise<AdderHandle>
  /** The second batch of an index waits for the first: it may take no step before that one's end. */
  addStep(adder: AdderHandle, threads: number): Promise<StepReport>
  /** Shows the batch to searches; the slot of its first row. Consumes the adder. */
  addFinish(adder: AdderHandle): Promise<number>
  /** The index stays as it was. */
  addDrop(adder: AdderHandle): Promise<void>
  /** An index of its own that stays as this one is now: what has a file while this one grows. */
  freeze(index: IndexHandle): Promise<IndexHandle>
  openBegin(bytesTotal: number, options: string): Promise<LoaderHandle>
  openWrite(loader: LoaderHandle, chunk: Uint8Array): Promise<void>
  /** Consumes the loader. */
  openFinish(loader: LoaderHandle, threads: number): Promise<IndexHandle>
  openDrop(loader: LoaderHandle): Promise<void>
  /** Takes the loader's file for one of hnswlib: the builder makes the index of it. Consumes the loader. */
  importBegin(loader: LoaderHandle, options: string, keys: KeyColumn | null): Promise<BuilderHandle>
  /** As `importBegin`, reading through a map. Rejects with `BACKEND` where files cannot be mapped. */
  importMapped(path: string, options: string, keys: KeyColumn | null): Promise<BuilderHandle>
  /** Rejects with `BACKEND` where files cannot be mapped. */
  openMapped(path: string, options: string, threads: number): Promise<IndexHandle>
  /** The core's JSON description. */
  describe(index: IndexHandle): Promise<string>
  keys(index: IndexHandle): Promise<KeyColumn | null>
  search(index: IndexHandle, query: Float32Array, params: SearchParams): Promise<RawHits>
  searchBatch(
    index: IndexHandle,
    queries: Float32Array,
    params: SearchParams,
    threads: number,
  ): Promise<RawHits>
  /** The core's JSON account of one search. */
  explain(index: IndexHandle, query: Float32Array, params: SearchParams): Promise<string>
  readFile(index: IndexHandle, offset: number, bytes: number): Promise<Uint8Array>
  /** The length of the index's file in the form of hnswlib. */
  exportBytes(index: IndexHandle): Promise<number>
  readExport(index: IndexHandle, offset: number, bytes: number): Promise<Uint8Array>
  check(index: IndexHandle): Promise<void>
  /** A stage for `hits` answers by which another thread may search, until the index is dropped or lent again; `null` where memory is not shared. */
  lendStage(index: IndexHandle, hits: number): Promise<LentStage | null>
  drop(index: IndexHandle): Promise<void>
  /** Bytes by offset. `options` is JSON checked by the core; `placed` ties threads to nodes of memory. */
  generatorOpen(options: string, placed: boolean): Promise<GeneratorHandle>
  /** Whether threads of a fill are tied, and why not. */
  generatorPlacing(generator: GeneratorHandle, threads: number): Promise<Placing>
  /** Writes the bytes from `offset` on; how many: fewer than `into` holds at the end alone. */
  generatorFill(
    generator: GeneratorHandle,
    offset: number,
    into: Uint8Array,
    threads: number,
  ): Promise<number>
  /** As `generatorFill`, into memory of its own. */
  generatorMake(
    generator: GeneratorHandle,
    offset: number,
    bytes: number,
    threads: number,
  ): Promise<Uint8Array>
  /** Memory where the backend writes, seen from here, until the generator is dropped; `null` where there is none. */
  generatorRoom(generator: GeneratorHandle, bytes: number): Promise<Room | null>
  /** As `generatorFill`, from byte `from` of a room on. */
  generatorFillRoom(
    generator: GeneratorHandle,
    offset: number,
    room: number,
    from: number,
    bytes: number,
    threads: number,
  ): Promise<number>
  generatorDrop(generator: GeneratorHandle): Promise<void>
  /** Rows by number. `options` is JSON checked by the core. */
  datasetOpen(options: string, threads: number): Promise<DatasetHandle>
  /** Writes whole rows from `first` on, row-major. */
  datasetFill(dataset: DatasetHandle, first: number, into: Float32Array, threads: number): Promise<void>
  /** As `datasetFill`, into memory of its own. */
  datasetMake(dataset: DatasetHandle, first: number, numbers: number, threads: number): Promise<Float32Array>
  /** Makes some more of the rows that the core keeps. */
  datasetStep(dataset: DatasetHandle, threads: number): Promise<StepReport>
  /** The nearest kept rows of each of `asked` queries, by exhaustion. */
  datasetTruth(
    dataset: DatasetHandle,
    queries: Float32Array,
    asked: number,
    k: number,
    threads: number,
  ): Promise<RawHits>
  /** A builder over the kept rows, not a copy. Consumes the data set. */
  datasetBuild(dataset: DatasetHandle, options: string, keys: KeyColumn | null): Promise<BuilderHandle>
  datasetDrop(dataset: DatasetHandle): Promise<void>
  /** Calls that block the calling thread; absent where that is impossible (a page's worker client). */
  readonly sync: SyncCalls | null
  /** What is left of them where the backend lives on another thread. */
  readonly lent: LentCalls | null
  /** Ends threads and workers. */
  shutdown(): Promise<void>
}

/** Searches on the calling thread, by a backend that lives on another and is at rest. */
export interface LentCalls {
  /** Whether {@link searchInto} may be called now; sees to it that later it may. */
  ready(index: IndexHandle, k: number): boolean
  /** As {@link SyncCalls.searchInto}; −1 where only the backend itself can answer, or say what is wrong. */
  searchInto: SyncCalls['searchInto']
}

export interface SyncCalls {
  /** Writes into the caller's arrays, returns how many. No allocation. */
  searchInto(
    index: IndexHandle,
    query: Float32Array,
    k: number,
    effort: number,
    exact: boolean,
    rerank: boolean,
    slots: Uint32Array,
    distances: Float32Array,
  ): number
  /** As {@link Backend.generatorFill}. */
  generatorFill(generator: GeneratorHandle, offset: number, into: Uint8Array, threads: number): number
  /** As {@link Backend.generatorFillRoom}. */
  generatorFillRoom(
    generator: GeneratorHandle,
    offset: number,
    room: number,
    from: number,
    bytes: number,
    threads: number,
  ): number
}
