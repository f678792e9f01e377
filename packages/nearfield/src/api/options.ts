/**
 * Options at the door: names nobody knows are refused with the known ones listed, values of the run
 * (`threads`, `signal`, …) are checked here, the core's own are passed on as JSON and checked there.
 * Defaults live in the core; this file holds none.
 */
import type { BackendKind, SearchParams } from '../backend.ts'
import {
  EF_MAX,
  K_DEFAULT,
  RECALL_DEFAULT,
  RECALL_EFFORT,
  RECALL_MAX,
  RECALL_MIN,
  RECALL_UNITS,
} from '../generated/constants.ts'
import type {
  AutoOptions,
  CoreImportOptions,
  CoreOpenOptions,
  CoreSearchOptions,
  FlatOptions,
  HnswOptions,
  Kind,
  ZonesOptions,
} from '../generated/options.ts'
import {
  BUILD_OPTION_NAMES,
  GENERATE_OPTION_NAMES,
  IMPORT_OPTION_NAMES,
  OPEN_OPTION_NAMES,
  ROWS_OPTION_NAMES,
  SEARCH_OPTION_NAMES,
} from '../generated/options.ts'
import { NearfieldError, shown } from './errors.ts'
import type { IndexStats } from './index.ts'
import type { Keys } from './keys.ts'
import type { RunOptions } from './progress.ts'

/** A backend by name, or the best one there is. */
export type BackendChoice = 'auto' | BackendKind

/** Where the work is done. */
export interface PlaceOptions {
  /** @default 'auto' */
  readonly backend?: BackendChoice | undefined
}

/** `dim` may be left out where the vectors say it themselves. */
type WithDim<T extends { readonly dim: number }> = {
  readonly [K in keyof Omit<T, 'dim'>]: T[K] | undefined
} & {
  readonly dim?: number | undefined
}
/** What the index shall be. `kind` decides which options belong. */
export type IndexOptions =
  | (WithDim<FlatOptions> & { readonly kind: 'flat' })
  | (WithDim<HnswOptions> & { readonly kind: 'hnsw' })
  | (WithDim<ZonesOptions> & { readonly kind: 'zones' })
  | WithDim<AutoOptions>

export type BuildOptions = IndexOptions & PlaceOptions & RunOptions & { readonly keys?: Keys | undefined }

/** What an index that starts without rows shall be: `dim` must be said. */
export type CreateOptions = IndexOptions & { readonly dim: number } & PlaceOptions &
  Pick<RunOptions, 'threads'>

export interface AddOptions extends RunOptions {
  /** One a row, of the sort the index has; the first rows decide. */
  readonly keys?: Keys | undefined
}

/** What a file is: ours, or an index that hnswlib saved. */
export type FileFormat = 'nearfield' | 'hnswlib'

export interface OpenNearfieldOptions extends PlaceOptions, RunOptions {
  readonly format?: 'nearfield' | undefined
  /** `memory` reads the file; `mapped` lets the system page it in (native backend, a path). @default 'memory' */
  readonly mode?: 'memory' | 'mapped' | undefined
  readonly isa?: CoreOpenOptions['isa'] | undefined
}

/** A file of hnswlib says neither its space nor its dimension. */
export interface OpenHnswlibOptions extends PlaceOptions, RunOptions {
  readonly format: 'hnswlib'
  /** `mapped` reads the file through a map: nothing of it stays mapped, but it is never in memory whole. @default 'memory' */
  readonly mode?: 'memory' | 'mapped' | undefined
  /** hnswlib's space. */
  readonly metric: CoreImportOptions['metric']
  readonly dim: number
  readonly codec?: CoreImportOptions['codec'] | undefined
  readonly isa?: CoreImportOptions['isa'] | undefined
  /** The key of label `i` is `keys[i]`; labels are the keys when left out. */
  readonly keys?: Keys | undefined
}

export type OpenOptions = OpenNearfieldOptions | OpenHnswlibOptions

type Loose<T> = { readonly [K in keyof T]: T[K] | undefined }
export interface SearchOptions extends Loose<CoreSearchOptions> {
  readonly signal?: AbortSignal | undefined
}
/** For calls that block: nothing could abort them, and they take no other thread. */
export type SyncSearchOptions = Omit<Loose<CoreSearchOptions>, 'parallel'>
export type BatchOptions = SyncSearchOptions & RunOptions
export type RecallOptions = Pick<BatchOptions, 'k' | 'ef' | 'probes' | 'recall' | 'rerank'> & RunOptions
export interface TuneOptions extends RunOptions {
  /** The share of true neighbours to reach, above 0 and at most 1. */
  readonly recall: number
  readonly k?: number | undefined
  /** False to reach it by codes alone. @default true */
  readonly rerank?: boolean | undefined
}
export type ExplainOptions = SyncSearchOptions
export interface SaveOptions extends Pick<RunOptions, 'signal' | 'onProgress'> {
  /** `hnswlib` writes what hnswlib loads: graphs, with row numbers or integers from 0 as keys. @default 'nearfield' */
  readonly format?: FileFormat | undefined
}

const RUN = ['signal', 'onProgress', 'threads'] as const
const PLACE = ['backend', ...RUN] as const
const SEARCH = SEARCH_OPTION_NAMES.filter((name) => name !== 'parallel')
export const NAMES = {
  build: [...BUILD_OPTION_NAMES, 'keys', ...PLACE],
  create: [...BUILD_OPTION_NAMES, 'backend', 'threads'],
  add: ['keys', ...RUN],
  open: [...OPEN_OPTION_NAMES, 'format', 'mode', ...PLACE],
  import: [...IMPORT_OPTION_NAMES, 'format', 'keys', 'mode', ...PLACE],
  search: [...SEARCH_OPTION_NAMES, 'signal'],
  searchSync: SEARCH,
  batch: [...SEARCH, ...RUN],
  recall: ['k', 'ef', 'probes', 'recall', 'rerank', ...RUN],
  tune: ['k', 'recall', 'rerank', ...RUN],
  save: ['format', 'signal', 'onProgress'],
  generator: [...GENERATE_OPTION_NAMES, 'threads', 'backend', 'numaMode', 'chunkSize'],
  rows: [...ROWS_OPTION_NAMES, ...PLACE],
  vectors: [...ROWS_OPTION_NAMES, 'into', ...PLACE],
  truth: [...RUN],
} as const

/** Refuses unknown names and impossible values of a run. */
export function checkOptions(options: object, call: keyof typeof NAMES): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new NearfieldError('OPTION', `options must be an object, received ${shown(options)}`)
  }
  const known: readonly string[] = NAMES[call]
  for (const name in options) {
    if (!known.includes(name)) {
      throw new NearfieldError('OPTION', `unknown option '${name}'; known are ${known.join(', ')}`)
    }
  }
  const { signal, onProgress, threads, backend } = options as RunOptions & PlaceOptions
  if (signal !== undefined && typeof signal?.throwIfAborted !== 'function') {
    throw new NearfieldError('OPTION', `signal must be an AbortSignal, received ${shown(signal)}`)
  }
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw new NearfieldError('OPTION', `onProgress must be a function, received ${shown(onProgress)}`)
  }
  if (threads !== undefined) checkInteger('threads', threads, 1, 1024)
  if (backend !== undefined) checkBackend(backend, 'backend')
}

const BACKENDS: readonly unknown[] = ['auto', 'native', 'wasm-threads', 'wasm'] satisfies BackendChoice[]

/** `name` is the option or the environment variable the value came from. */
export function checkBackend(value: unknown, name: string): asserts value is BackendChoice {
  if (!BACKENDS.includes(value)) {
    throw new NearfieldError(
      'OPTION',
      `${name} must be one of ${BACKENDS.join(', ')}, received ${shown(value)}`,
    )
  }
}

/** The core's share of `options` as JSON. `given` replaces or adds values. */
export function coreJson(options: object, names: readonly string[], given: Record<string, unknown>): string {
  const all: Record<string, unknown> = { ...options, ...given }
  const core: Record<string, unknown> = {}
  for (const name of names) {
    const value = all[name]
    if (value === undefined) continue
    // JSON would turn these into null or nothing, and the core could not name what it was given.
    const expressible = typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)
    if (!expressible)
      throw new NearfieldError('OPTION', `${name} must be a number or a word, received ${shown(value)}`)
    core[name] = value
  }
  return JSON.stringify(core)
}

/**
 * A search's numbers, with `k` cut to the rows there are. Without vectors codes answer unless the caller
 * asks for what only vectors can tell, which the core then refuses. Written into `into` where that is given:
 * the hot path has no new object a call.
 */
export function searchParams(
  options: SyncSearchOptions,
  { size, vectors, kind }: { readonly size: number; readonly vectors: boolean; readonly kind: Kind },
  k = options.k ?? K_DEFAULT,
  into: { -readonly [name in keyof SearchParams]: SearchParams[name] } = noParams(),
): SearchParams {
  const { ef, probes, recall, exact, rerank } = options
  checkInteger('k', k, 1, 0xffff_ffff)
  if (ef !== undefined) checkEffort('ef', ef, EF_MAX, kind !== 'zones', kind)
  if (probes !== undefined) checkEffort('probes', probes, PROBES_MAX, kind === 'zones', kind, 'auto')
  if (recall !== undefined) checkPromise(recall, probes)
  if (exact !== undefined && typeof exact !== 'boolean') {
    throw new NearfieldError('OPTION', `exact must be true or false, received ${shown(exact)}`)
  }
  if (rerank !== undefined && typeof rerank !== 'boolean') {
    throw new NearfieldError('OPTION', `rerank must be true or false, received ${shown(rerank)}`)
  }
  const scan = exact ?? false
  into.k = Math.min(k, Math.max(size, 1))
  into.effort = probes === 'auto' ? effortFor(recall ?? RECALL_DEFAULT) : (probes ?? ef ?? 0)
  into.exact = scan
  into.rerank = rerank ?? (vectors || scan)
  return into
}

/** Whether a search shall take all threads: there must be strips, which they share. */
export function isParallel(parallel: unknown, { kind, zones }: Pick<IndexStats, 'kind' | 'zones'>): boolean {
  if (parallel === undefined) return false
  if (typeof parallel !== 'boolean') {
    throw new NearfieldError('OPTION', `parallel must be true or false, received ${shown(parallel)}`)
  }
  if (typeof zones !== 'number') {
    throw new NearfieldError(
      'OPTION',
      `parallel is for zones and scans of bits, this index of kind ${kind} has neither`,
    )
  }
  return parallel
}

/** Zones that may be asked for. */
const PROBES_MAX = 2 ** 24

/** What {@link searchParams} writes into. */
export const noParams = () => ({ k: 0, effort: 0, exact: false, rerank: true })

/** How much a search is to look at, said in the way of another kind of index, is a mistake. */
function checkEffort(
  name: string,
  value: unknown,
  max: number,
  fits: boolean,
  kind: Kind,
  word?: string,
): void {
  if (!fits) {
    throw new NearfieldError('OPTION', `${name} is not for an index of kind ${kind}`)
  }
  if (word === undefined) checkInteger(name, value, 1, max)
  else if (value !== word) checkInteger(name, value, 1, max, ` or '${word}'`)
}

/** A recall is promised by probes that go by it, and by no number of them. */
function checkPromise(recall: unknown, probes: unknown): void {
  if (probes !== 'auto') {
    throw new NearfieldError('OPTION', `recall is for probes 'auto', received probes ${shown(probes)}`)
  }
  if (typeof recall === 'number' && recall >= RECALL_MIN && recall <= RECALL_MAX) return
  throw new NearfieldError(
    'OPTION',
    `recall must be from ${RECALL_MIN} to ${RECALL_MAX}, received ${shown(recall)}`,
  )
}

/** A recall to keep, as the core takes it. */
export function effortFor(recall: number): number {
  return RECALL_EFFORT + Math.round(recall * RECALL_UNITS)
}

/** The recall that an effort is to keep; null where it says how much to look at. */
export function promiseOf(effort: number): number | null {
  return effort < RECALL_EFFORT ? null : (effort - RECALL_EFFORT) / RECALL_UNITS
}

export function checkFormat(format: unknown): asserts format is FileFormat {
  if (format === 'nearfield' || format === 'hnswlib') return
  throw new NearfieldError('OPTION', `format must be nearfield or hnswlib, received ${shown(format)}`)
}

export function checkInteger(name: string, value: unknown, min: number, max: number, or = ''): void {
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return
  throw new NearfieldError(
    'OPTION',
    `${name} must be an integer from ${min} to ${max}${or}, received ${shown(value)}`,
  )
}
