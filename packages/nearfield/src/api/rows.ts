/**
 * Rows of floats on demand: `generateVectors` into memory of the caller's, `generateRows` into the
 * core's, from where an index takes them without a copy.
 *
 *   options ─▶ datasetOpen ─┬▶ datasetFill × n ─▶ Float32Array
 *                           └▶ datasetStep × n ─▶ GeneratedRows ─┬▶ truth
 *                                                                └▶ buildIndex
 */
import type { BuilderHandle, DatasetHandle, KeyColumn } from '../backend.ts'
import type { Chosen } from '../backends/choose.ts'
import { DIM_MAX, ROWS_MAX } from '../generated/constants.ts'
import { type CoreRowsOptions, ROWS_OPTION_NAMES } from '../generated/options.ts'
import { NearfieldError, shown } from './errors.ts'
import { BatchCollector, type BatchHits } from './hits.ts'
import type { Host } from './host.ts'
import { KeyTable } from './keys.ts'
import { checkInteger, checkOptions, coreJson, type PlaceOptions } from './options.ts'
import { Meter, type RunOptions } from './progress.ts'
import { toMatrix, type Vectors } from './vectors.ts'

type Loose<T> = { readonly [K in keyof T]: T[K] | undefined }

export interface RowsOptions extends Loose<CoreRowsOptions>, PlaceOptions, RunOptions {
  readonly rows: number
  readonly dim: number
}

export interface VectorsOptions extends RowsOptions {
  /** Where to, of `rows × dim` numbers; memory of its own when left out. */
  readonly into?: Float32Array | undefined
}

/** Numbers made in one go: some milliseconds of work. */
const STEP_NUMBERS = 4 << 20
/** In memory that has been written before: enough for the core to pass the caches by, which new pages, just zeroed, are in. */
const STEP_NUMBERS_AGAIN = 10 << 20
/** Queries of one go: each is compared with every row. */
const STEP_QUERIES = 64

/** Fills and gives `into`, row-major; without it, memory that is new and therefore slower to fill. */
export async function generateVectors(host: Host, options: VectorsOptions): Promise<Float32Array> {
  checkOptions(options, 'vectors')
  const meter = new Meter(options)
  const { rows, dim, threads = 0 } = options
  checkShape(options)
  const into = options.into ?? memory(rows, dim)
  if (!(into instanceof Float32Array) || into.length !== rows * dim) {
    const received = into instanceof Float32Array ? `${into.length} numbers` : shown(into)
    throw new NearfieldError(
      'DIMENSION',
      `into must hold rows × dim = ${rows * dim} numbers, received ${received}`,
    )
  }
  const { chosen, handle } = await opened(host, options)
  const { backend } = chosen
  try {
    const step = Math.max(1, Math.floor((options.into ? STEP_NUMBERS_AGAIN : STEP_NUMBERS) / dim))
    for (let first = 0; first < rows; first += step) {
      if (into.length !== rows * dim) {
        throw new NearfieldError('DIMENSION', 'into was detached or resized while being filled')
      }
      const end = Math.min(rows, first + step)
      await backend.datasetFill(handle, first, into.subarray(first * dim, end * dim), threads)
      await meter.step('prepare', end, rows)
    }
  } finally {
    await backend.datasetDrop(handle)
  }
  return into
}

/** Rows that stay in the core. */
export async function generateRows(host: Host, options: RowsOptions): Promise<GeneratedRows> {
  checkOptions(options, 'rows')
  const meter = new Meter(options)
  checkShape(options)
  const { chosen, handle } = await opened(host, options)
  const { backend } = chosen
  try {
    for (;;) {
      const { phase, done, total } = await backend.datasetStep(handle, options.threads ?? 0)
      await meter.step('prepare', done, total)
      if (phase === 'done') break
    }
  } catch (error) {
    await backend.datasetDrop(handle).catch(() => {}) // the first error is the one to tell
    throw error
  }
  return new GeneratedRows(chosen, handle, options)
}

/** Generated rows in the core's memory. `buildIndex` empties it. */
export class GeneratedRows implements AsyncDisposable {
  readonly rows: number
  readonly dim: number
  readonly #chosen: Chosen
  readonly #threads: number
  #handle: DatasetHandle | undefined

  constructor(chosen: Chosen, handle: DatasetHandle, { rows, dim, threads = 0 }: RowsOptions) {
    this.rows = rows
    this.dim = dim
    this.#chosen = chosen
    this.#threads = threads
    this.#handle = handle
  }

  /** The `k` nearest rows of every query by the option `metric`, by exhaustion; keys are row numbers. */
  async truth(queries: Vectors, k: number, options: RunOptions = {}): Promise<BatchHits> {
    checkOptions(options, 'truth')
    checkInteger('k', k, 1, this.rows)
    const meter = new Meter(options)
    const matrix = toMatrix(queries, this.dim, 'queries')
    if (matrix.dim !== this.dim) {
      throw new NearfieldError('DIMENSION', `queries must have ${this.dim} numbers, received ${matrix.dim}`)
    }
    const threads = options.threads ?? this.#threads
    const hits = new BatchCollector(new KeyTable(null, this.rows), matrix.rows, k)
    for (let first = 0; first < matrix.rows; first += STEP_QUERIES) {
      const end = Math.min(matrix.rows, first + STEP_QUERIES)
      const part = matrix.data.subarray(first * this.dim, end * this.dim)
      const found = this.#chosen.backend.datasetTruth(this.#open(), part, end - first, k, threads)
      hits.add(first, await found)
      await meter.step('search', end, matrix.rows)
    }
    return hits.finish()
  }

  /** A builder over the rows, which are the index's from then on, and the backend it belongs to. */
  async builder(
    options: string,
    keys: KeyColumn | null,
  ): Promise<{ chosen: Chosen; builder: BuilderHandle }> {
    const handle = this.#open()
    this.#handle = undefined
    const builder = await this.#chosen.backend.datasetBuild(handle, options, keys)
    return { chosen: this.#chosen, builder }
  }

  /** Frees the rows, unless an index has them; a second time, nothing happens. */
  async close(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    if (handle !== undefined) await this.#chosen.backend.datasetDrop(handle)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #open(): DatasetHandle {
    if (this.#handle !== undefined) return this.#handle
    throw new NearfieldError('CLOSED', 'these rows are closed, or an index has taken them')
  }
}

function checkShape({ rows, dim }: RowsOptions): void {
  checkInteger('rows', rows, 1, ROWS_MAX)
  checkInteger('dim', dim, 1, DIM_MAX)
}

function memory(rows: number, dim: number): Float32Array {
  try {
    return new Float32Array(rows * dim)
  } catch (cause) {
    throw new NearfieldError('MEMORY', `${rows} rows of ${dim} numbers do not fit one array`, { cause })
  }
}

async function opened(host: Host, options: RowsOptions): Promise<{ chosen: Chosen; handle: DatasetHandle }> {
  const json = coreJson(options, ROWS_OPTION_NAMES, { isa: options.isa ?? host.preferences.isa })
  const threads = options.threads ?? 0
  const chosen = await host.choices.choose(options.backend ?? host.preferences.backend ?? 'auto', threads)
  return { chosen, handle: await chosen.backend.datasetOpen(json, threads) }
}
