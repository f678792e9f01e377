/** The public surface: functions and a class bound to a host by an entry, and the types around them. */
import { buildIndex } from './build.ts'
import { type Capabilities, capabilities } from './capabilities.ts'
import { createIndex } from './create.ts'
import { Generator, type GeneratorOptions } from './generator.ts'
import type { Host } from './host.ts'
import type { Index } from './index.ts'
import { openIndex, type Source } from './open.ts'
import type { BuildOptions, CreateOptions, OpenOptions } from './options.ts'
import {
  type GeneratedRows,
  generateRows,
  generateVectors,
  type RowsOptions,
  type VectorsOptions,
} from './rows.ts'
import type { Vectors } from './vectors.ts'

export type { BackendInfo, BackendKind } from '../backend.ts'
export type { Codec, Isa, Kind, Metric } from '../generated/options.ts'
export type { Capabilities } from './capabilities.ts'
export { type ErrorCode, NearfieldError } from './errors.ts'
export type { Explanation, Promised } from './explain.ts'
export type { Fillable, GeneratorOptions, GeneratorStats } from './generator.ts'
export type { BatchHits, Hit } from './hits.ts'
export type { Added, Index, IndexStats } from './index.ts'
export type { Key, Keys } from './keys.ts'
export type { Source } from './open.ts'
export type {
  AddOptions,
  BackendChoice,
  BatchOptions,
  BuildOptions,
  CreateOptions,
  ExplainOptions,
  FileFormat,
  IndexOptions,
  OpenHnswlibOptions,
  OpenNearfieldOptions,
  OpenOptions,
  RecallOptions,
  SaveOptions,
  SearchOptions,
  SyncSearchOptions,
  TuneOptions,
} from './options.ts'
export type { Phase, Progress, RunOptions } from './progress.ts'
export type { GeneratedRows, RowsOptions, VectorsOptions } from './rows.ts'
export type { Target } from './save.ts'
export type { Tuned, TunedAuto } from './tune.ts'
export type { Query, Tensor, Vectors } from './vectors.ts'

export interface Nearfield {
  /** Builds an index over a copy of `vectors`; generated rows it takes as they are, and empties. */
  buildIndex(vectors: Vectors | GeneratedRows, options: BuildOptions): Promise<Index>
  /** Makes an index without rows, for `index.add`. */
  createIndex(options: CreateOptions): Promise<Index>
  /** Opens an index's file, wherever it was written. */
  openIndex(source: Source, options?: OpenOptions): Promise<Index>
  /** Random bytes, the same on every machine, into memory of yours. */
  readonly Generator: new (
    options: GeneratorOptions,
  ) => Generator
  /** Random vectors, the same on every machine, into `into` or new memory. */
  generateVectors(options: VectorsOptions): Promise<Float32Array>
  /** As `generateVectors`, into the core's memory: for `buildIndex` and exact answers. */
  generateRows(options: RowsOptions): Promise<GeneratedRows>
  /** Which backends work here, and which one `auto` means. */
  capabilities(): Promise<Capabilities>
}

export function nearfield(host: Host): Nearfield {
  return {
    buildIndex: (vectors, options = {} as BuildOptions) => buildIndex(host, vectors, options),
    createIndex: (options = {} as CreateOptions) => createIndex(host, options),
    openIndex: (source, options = {}) => openIndex(host, source, options),
    Generator: class extends Generator {
      constructor(options: GeneratorOptions) {
        super(host, options)
      }
    },
    generateVectors: (options) => generateVectors(host, options ?? {}),
    generateRows: (options) => generateRows(host, options ?? {}),
    capabilities: () => capabilities(host),
  }
}
