/**
 * The native addon behind `nearfield`. Applications use `nearfield`; this is the thin layer under it.
 * Errors are `CODE: message`. Synchronous calls borrow the arrays, asynchronous ones copy them.
 */

export type Keys = Float64Array | { bytes: Uint8Array; offsets: Float64Array }

export interface Step {
  phase: 'prepare' | 'encode' | 'link' | 'repair' | 'done'
  done: number
  total: number
}

/** Row `i` is `k` wide and has `counts[i]` answers. */
export interface Hits {
  slots: Uint32Array
  distances: Float32Array
  counts: Uint32Array
}

/** A build or an import under way. `threads` 0 means one a core, here and below. */
export declare class Builder {
  constructor(vectors: Float32Array, options: string, keys: Keys | null, threads: number)
  /** Of a file of hnswlib, read through a map. */
  static importMapped(path: string, options: string, keys: Keys | null): Promise<Builder>
  step(threads: number): Promise<Step>
  finish(): Promise<Index>
  close(): void
}

/** A batch on its way into an index. Closing takes it back, unless it is shown. */
export declare class Adder {
  constructor(index: Index, vectors: Float32Array, keys: Keys | null, threads: number)
  step(threads: number): Promise<Step>
  /** Shows the batch to searches. */
  finish(): Promise<{ first: number; rows: number }>
  close(): void
}

/** A file on its way into memory. */
export declare class Loader {
  constructor(bytesTotal: number, options: string)
  write(chunk: Uint8Array): void
  /** Takes the file for one of hnswlib. */
  import(options: string, keys: Keys | null): Builder
  finish(threads: number): Promise<Index>
  close(): void
}

/** An index that answers. */
export declare class Index {
  private constructor()
  /** An index without rows, made to take them. */
  static empty(options: string): Index
  static openMapped(path: string, options: string, threads: number): Promise<Index>
  /** An index of its own that stays as this one is now. */
  freeze(): Promise<Index>
  describe(): string
  keys(): Promise<Keys | null>
  /** How many answers were written. The three arrays must not share memory. */
  searchInto(
    query: Float32Array,
    k: number,
    ef: number,
    exact: boolean,
    rerank: boolean,
    slots: Uint32Array,
    distances: Float32Array,
  ): number
  search(query: Float32Array, k: number, ef: number, exact: boolean, rerank: boolean): Promise<Hits>
  searchBatch(
    queries: Float32Array,
    k: number,
    ef: number,
    exact: boolean,
    rerank: boolean,
    threads: number,
  ): Promise<Hits>
  /** The core's JSON account of one search. */
  explain(query: Float32Array, k: number, ef: number, exact: boolean, rerank: boolean): Promise<string>
  readFile(offset: number, bytes: number): Promise<Uint8Array>
  /** The length of the file in the form of hnswlib. */
  exportBytes(): number
  readExport(offset: number, bytes: number): Promise<Uint8Array>
  check(): Promise<void>
  close(): void
}

/** Bytes by offset. */
export declare class Generator {
  /** `placed` ties threads to nodes of memory where there are several. */
  constructor(options: string, placed: boolean)
  /** Whether threads are tied, and why not. */
  placing(threads: number): { pinned: boolean; why: string }
  /** Writes straight into the caller's memory; how many bytes there were. */
  fill(offset: number, into: Uint8Array, threads: number): number
  close(): void
}

/** Rows by number, and rows that are kept. */
export declare class Dataset {
  constructor(options: string, threads: number)
  /** Writes whole rows straight into the caller's memory. */
  fill(first: number, into: Float32Array, threads: number): void
  /** Makes some more of the rows that are kept. */
  step(threads: number): Promise<Step>
  /** The nearest kept rows of `asked` queries, by exhaustion. */
  truth(queries: Float32Array, asked: number, k: number, threads: number): Promise<Hits>
  /** Over the kept rows; empties the data set. */
  build(options: string, keys: Keys | null): Builder
  close(): void
}

export interface Addon {
  Builder: typeof Builder
  Generator: typeof Generator
  Dataset: typeof Dataset
  Adder: typeof Adder
  Loader: typeof Loader
  Index: typeof Index
  capabilities(): { simd: string; threads: number }
  /** For fault tests: `panic`, `task-panic` or `pool-panic`. */
  injectFault(kind: string): Promise<void>
}

export interface Loaded {
  readonly addon: Addon
  /** Platform and architecture, e.g. `linux-x64-gnu`. */
  readonly platform: string
  /** The package or file it came from. */
  readonly from: string
}

/**
 * Loads the addon for this machine: `NEARFIELD_NATIVE` (a path) where set, else a local build, else
 * the platform's package. Throws an error that names platform and package, says what to do, and keeps
 * the reason as its `cause`.
 */
export declare function loadNative(): Loaded
