/**
 * What the parts of the benchmark agree on, and nothing else: data on disk, engines and what they are
 * asked, results.
 *
 *   data/      makes a Dataset             ──┐
 *   engines/   a Catalogue of EngineSpecs  ──┼─► harness/   rounds over processes ─► Results ─► report/
 *              processes that speak Request ─┘
 */

export const METRICS = ['l2', 'ip', 'cosine'] as const
export type Metric = (typeof METRICS)[number]

/** Vectors on disk: float32, row-major, little-endian. Queries are never rows. */
export interface Dataset {
  readonly name: string
  /** What it is and where it comes from, in one line. */
  readonly about: string
  readonly metric: Metric
  readonly rows: number
  readonly dim: number
  readonly queries: number
  /** Neighbours of the truth, at least 100 unless there are fewer rows. */
  readonly depth: number
  readonly paths: {
    readonly base: string
    readonly queries: string
    /** Slots of the true neighbours, uint32, `queries × depth`, nearest first. */
    readonly neighbours: string
    /** Their distances, float64, smaller is nearer: squared Euclidean, 1 − dot, 1 − cos. */
    readonly distances: string
  }
}

/** Where an engine's process comes from: `engines/<host>/`. */
export type EngineHost = 'node' | 'python' | 'rust'

/** One engine in one setting. */
export interface EngineSpec {
  /** Unique; tables and pictures show it: `nearfield hnsw`, `faiss IVF-PQ fast-scan`. */
  readonly name: string
  /** One colour in the pictures: `nearfield`, `faiss`. */
  readonly family: string
  /** A graph, a partition, a scan, or vectors only made. */
  readonly kind: 'graph' | 'partition' | 'exact'
  readonly host: EngineHost
  /** The file of `engines/<host>/` that answers, without its ending; the crate's binary for rust. */
  readonly module: string
  /** Handed to the process with `start`: backend, index type, … */
  readonly variant: Readonly<Record<string, string | number | boolean>>
  /** Exact versions: `hnswlib==0.8.0`, `usearch@2.26.2`; installed under `.peers`. Empty for our own. */
  readonly packages: readonly string[]
  readonly metrics: readonly Metric[]
  /** What turns speed into recall: `ef`, `probes`; `none` for an exact engine. */
  readonly knob: string
  /** Its settings from fast to thorough. Some dozen, so that 0.90 … 0.99 lies between two of them. */
  readonly efforts: readonly number[]
  /** More rows than this take it minutes; it is then left out, with that reason. */
  readonly rowsMax: number
  /** In the short run; others take `--full` or `--engine`. */
  readonly short: boolean
}

/** One line of JSON on an engine's stdin; it answers each with one line on stdout, in order. */
export type Request =
  /** Once, first. Reads the vectors. */
  | {
      readonly do: 'start'
      readonly base: string
      readonly queries: string
      readonly rows: number
      readonly dim: number
      readonly metric: Metric
      readonly variant: EngineSpec['variant']
      /** A limit on instructions, where the engine has one: `avx2`, or `auto`. */
      readonly isa: string
    }
  /** Replaces the index. Links a node and length of the search while building, for graphs. */
  | { readonly do: 'build'; readonly threads: number; readonly M: number; readonly efConstruction: number }
  /** Passes over all queries, one call a query on one thread, until `seconds` have gone by; at least one. */
  | { readonly do: 'search'; readonly effort: number; readonly k: number; readonly seconds: number }
  /** The same in one call for all queries. */
  | {
      readonly do: 'searchBatch'
      readonly effort: number
      readonly k: number
      readonly seconds: number
      readonly threads: number
    }
  /** Each call timed by itself, one thread. */
  | { readonly do: 'latency'; readonly effort: number; readonly k: number; readonly seconds: number }
  | { readonly do: 'save'; readonly path: string }
  /** Opens what `save` wrote and answers the first query; the process keeps this index. */
  | { readonly do: 'load'; readonly path: string; readonly k: number; readonly effort: number }
  /** Resident memory. */
  | { readonly do: 'memory' }
  /** Inserts all rows again in batches of this size, on all threads, into an empty index. */
  | {
      readonly do: 'insert'
      readonly batch: number
      readonly threads: number
      readonly M: number
      readonly efConstruction: number
    }

export interface Started {
  readonly version: string
  /** The instructions it really uses, as far as it can be known: `avx2`, `sse (built so)`. */
  readonly isa: string
}
export interface Built {
  /** From vectors in memory to an index that answers. */
  readonly seconds: number
  /** Threads it used, where it has no more than these. */
  readonly threads?: number
}
export interface Found {
  readonly qps: number
  /** Slots of the answers, a row a query; fewer than k where it found fewer. */
  readonly slots: readonly (readonly number[])[]
}
export interface Latency {
  /** Microseconds. */
  readonly p50: number
  readonly p99: number
}
export interface Saved {
  readonly bytes: number
}
export interface Loaded {
  /** From the call to the first answer. */
  readonly seconds: number
}
export interface Memory {
  /** Bytes now, and the most there ever were. */
  readonly resident: number
  readonly peak: number
}
/** Instead of an answer: it went wrong, or this engine has no such thing. */
export interface Refused {
  readonly error?: string
  readonly unsupported?: string
}

/** The middle of the rounds with the least and the most. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** Everything a run found out: the raw file, what pictures and comparisons are made of. */
export interface Results {
  readonly format: 1
  /** ISO 8601, UTC. */
  readonly date: string
  readonly command: string
  readonly machine: {
    readonly cpu: string
    readonly cores: number
    readonly memoryGiB: number
    readonly os: string
  }
  /** Version and commit. */
  readonly nearfield: string
  readonly k: number
  readonly rounds: number
  /** Every ratio is to this engine. */
  readonly reference: string
  readonly datasets: readonly DatasetResult[]
  readonly leftOut: readonly { readonly engine: string; readonly dataset?: string; readonly reason: string }[]
}

export interface DatasetResult {
  readonly name: string
  readonly about: string
  readonly rows: number
  readonly dim: number
  readonly metric: Metric
  readonly queries: number
  readonly M: number
  readonly efConstruction: number
  readonly engines: readonly EngineResult[]
}

export interface EngineResult {
  readonly name: string
  readonly family: string
  readonly kind: EngineSpec['kind']
  readonly version: string
  readonly isa: string
  readonly knob: string
  readonly builds: readonly { readonly threads: number; readonly seconds: Spread }[]
  /** One call a query on one thread; from fast to thorough. */
  readonly curve: readonly { readonly effort: number; readonly recall: number; readonly qps: Spread }[]
  /** Read off each round's curve at a recall; an engine that never gets there has no entry. */
  readonly at: readonly {
    readonly recall: number
    readonly qps: Spread
    /** Own queries a second ÷ the reference's, per round. */
    readonly ratio?: Spread
    readonly latency?: Latency
    /** One call for all queries, by threads. */
    readonly batch: readonly { readonly threads: number; readonly qps: Spread; readonly ratio?: Spread }[]
  }[]
  /** Beyond what the process had before it built: the index, vectors included where it keeps them. */
  readonly indexBytes?: number
  readonly peakBytes: number
  readonly fileBytes?: number
  readonly loadSeconds?: number
}
