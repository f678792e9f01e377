// Generated from crates/nearfield/src/boundary/options.rs by `cargo run -p xtask -- generate`; not for editing.

/** How near is measured; smaller is nearer for every metric. */
export type Metric = 'l2' | 'ip' | 'cosine'

/** How an index finds rows. */
export type Kind = 'flat' | 'hnsw'

/** An instruction set the kernels may be held to. */
export type Isa = 'auto' | 'scalar' | 'simd128' | 'neon' | 'avx2' | 'avx512'

/** Options of every kind of index. */
export interface CommonOptions {
  /**
   * Numbers a vector.
   * An integer, 1 … 65536.
   */
  readonly dim: number
  /**
   * What near means: `l2` squared Euclidean distance, `ip` 1 − dot product, `cosine` 1 − cosine.
   * @default 'l2'
   */
  readonly metric?: Metric
  /**
   * Same vectors, options and seed give the same file, byte for byte.
   * An integer, 0 … 9007199254740991.
   * @default 0
   */
  readonly seed?: number
  /**
   * The best instruction set the kernels may use; for tests and measurements.
   * @default 'auto'
   */
  readonly isa?: Isa
}

/** An index that scans every row. */
export interface FlatOptions extends CommonOptions {
  /** How rows are found: `flat` scans them all, `hnsw` walks a graph, `auto` chooses by size and says so. */
  readonly kind: 'flat'
}

/** Options of the graph. */
export interface GraphOptions {
  /**
   * Links a node above level 0; level 0 has twice as many.
   * An integer, 2 … 128.
   * @default 16
   */
  readonly M?: number
  /**
   * Candidates kept while building: more makes a better graph and a slower build.
   * An integer, 1 … 10000.
   * @default 200
   */
  readonly efConstruction?: number
}

/** An index that walks a graph. */
export interface HnswOptions extends CommonOptions, GraphOptions {
  /** How rows are found: `flat` scans them all, `hnsw` walks a graph, `auto` chooses by size and says so. */
  readonly kind: 'hnsw'
}

/** `flat` up to 1000 rows, else `hnsw`; `stats()` says which. */
export interface AutoOptions extends CommonOptions, GraphOptions {
  /**
   * How rows are found: `flat` scans them all, `hnsw` walks a graph, `auto` chooses by size and says so.
   * @default 'auto'
   */
  readonly kind?: 'auto'
}

/** What the core takes to build an index. */
export type CoreIndexOptions = FlatOptions | HnswOptions | AutoOptions

/** What the core takes to open a file. */
export interface CoreOpenOptions {
  /**
   * The best instruction set the kernels may use; for tests and measurements.
   * @default 'auto'
   */
  readonly isa?: Isa
}

/** How a search answers. */
export interface CoreSearchOptions {
  /**
   * Neighbours wanted; an index with fewer rows gives a shorter answer.
   * An integer, 1 … 4294967295.
   * @default 10
   */
  readonly k?: number
  /**
   * Candidates kept while walking, at least `k`: more finds more and takes longer.
   * An integer, 1 … 1000000.
   * @default 100
   */
  readonly ef?: number
  /**
   * Scan every row instead of walking the graph.
   * @default false
   */
  readonly exact?: boolean
}

export const BUILD_OPTION_NAMES = ['dim', 'kind', 'metric', 'M', 'efConstruction', 'seed', 'isa'] as const
export const OPEN_OPTION_NAMES = ['isa'] as const
export const SEARCH_OPTION_NAMES = ['k', 'ef', 'exact'] as const
