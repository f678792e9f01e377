/**
 * `Index`: what a user holds. It checks arguments, lets the backend answer in slots, and turns slots
 * into keys in the last line. Calls may overlap freely: batches wait for each other, and searches see
 * a batch when it is whole.
 *
 *   Index ─▶ Lease (backend, handle, who is inside)   KeyTable (slot → key)   Described (core's JSON)
 */
import type { BackendInfo, IndexHandle, LentCalls, RawHits, SearchParams, SyncCalls } from '../backend.ts'
import type { Chosen } from '../backends/choose.ts'
import { EF_DEFAULT } from '../generated/constants.ts'
import type { Codec, Kind, Metric } from '../generated/options.ts'
import { addBatch, Queue } from './add.ts'
import { NearfieldError, shown } from './errors.ts'
import { type Account, type Explanation, microsOf } from './explain.ts'
import { BatchCollector, type BatchHits, type Hit, toHits } from './hits.ts'
import type { Files, Host } from './host.ts'
import { KeyTable, toKeyColumn } from './keys.ts'
import { Lease } from './lease.ts'
import {
  type AddOptions,
  type BatchOptions,
  checkFormat,
  checkOptions,
  type ExplainOptions,
  isParallel,
  noParams,
  promiseOf,
  type RecallOptions,
  type SaveOptions,
  type SearchOptions,
  type SyncSearchOptions,
  searchParams,
  type TuneOptions,
} from './options.ts'
import { Meter, type RunOptions } from './progress.ts'
import { type Tally, tally } from './recall.ts'
import { type Image, saveTo, type Target, toBytes } from './save.ts'
import { hasTime, isShort, nextTurn, runShort } from './short-work.ts'
import { checkRecall, effortOf, type Tuned, tune } from './tune.ts'
import { type Query, toMatrix, toQuery, type Vectors } from './vectors.ts'

/** What the core tells of an index; more fields may come. */
export interface IndexStats {
  readonly size: number
  readonly dim: number
  readonly metric: Metric
  readonly kind: Kind
  readonly keys: 'rows' | 'numbers' | 'text'
  /** What walks and scans compare; answers are judged by the vectors unless a search asks for `rerank: false`. */
  readonly codec: Codec
  /** Parts of the rows, where these are parted; null otherwise. */
  readonly zones: number | null
  /** Zones that a search scans where it does not say; null where there are none. */
  readonly probes: number | null
  /** Whether every row is in a second zone too. */
  readonly soar: boolean
  /** Zones whose rows are walked by a graph of their own. */
  readonly graphs: number
  /** Numbers that a code of `pq4` or `pq8` stands for; null where points are not trained. */
  readonly codeNumbers: number | null
  /** Codes that judge what a scan of strips keeps, before the vectors do; null where there are none. */
  readonly refine: Codec | null
  /** False where codes are all that is kept of the vectors (`keepVectors: false`). */
  readonly vectors: boolean
  /** Bytes that the vectors take, in the file and in memory; where `vectors` is false, that is what is saved. */
  readonly vectorBytes: number
  /** Instruction set of the kernels. */
  readonly isa: string
  /** Length of the file. */
  readonly bytes: number
  readonly [more: string]: unknown
}

/** What became of a batch. */
export interface Added {
  /** Rows that were added. */
  readonly added: number
  /** The row number of the first; the others follow. */
  readonly first: number
}

/** Queries a chunk, at most; between chunks a batch reports and looks at its signal. */
const CHUNK_QUERIES_MAX = 1024
/** Multiplications a chunk of exact search may take: some tenths of a second. */
const CHUNK_WORK_MAX = 4e9
/** Queries whose scanned rows are counted one by one. */
const ASKED_MAX = 64

/** An index, ready to answer. Made by `buildIndex`, `createIndex` and `openIndex`. */
export class Index implements AsyncDisposable {
  readonly dim: number
  readonly metric: Metric
  /** Which backend answers, and why that one. */
  readonly backend: BackendInfo
  readonly #lease: Lease
  readonly #table: KeyTable
  readonly #queue = new Queue()
  #stats: IndexStats
  readonly #threads: number
  readonly #host: Pick<Host, 'files' | 'locate'>
  /** Slots of the searches that block; grown, never shared between two calls at once. */
  #slots = new Uint32Array(16)
  #distances = new Float32Array(16)
  readonly #params = noParams()

  private constructor(
    host: Host,
    lease: Lease,
    info: BackendInfo,
    table: KeyTable,
    stats: IndexStats,
    threads: number,
  ) {
    this.#host = host
    this.#lease = lease
    this.#table = table
    this.#stats = stats
    this.#threads = threads
    this.backend = info
    this.dim = stats.dim
    this.metric = stats.metric
    lease.watch(this)
  }

  /** Rows. */
  get size(): number {
    return this.#stats.size
  }

  get kind(): Kind {
    return this.#stats.kind
  }

  /** @internal Takes over `handle`. `threads` is what calls use when they do not say. */
  static async of(
    host: Host,
    { backend, info }: Chosen,
    handle: IndexHandle,
    threads: number,
  ): Promise<Index> {
    try {
      const stats = JSON.parse(await backend.describe(handle)) as IndexStats
      const table = new KeyTable(await backend.keys(handle), stats.size)
      return new Index(host, new Lease(backend, handle), info, table, Object.freeze(stats), threads)
    } catch (error) {
      await backend.drop(handle).catch(() => {}) // the first error is the one to tell
      throw error
    }
  }

  /** The nearest rows to `query`, nearest first. Fewer than `k` only when the index has fewer. */
  async search(query: Query, options: SearchOptions = {}): Promise<Hit[]> {
    checkOptions(options, 'search')
    const params = searchParams(options, this.#stats)
    const parallel = isParallel(options.parallel, this.#stats)
    options.signal?.throwIfAborted()
    const vector = toQuery(query, this.dim)
    this.#lease.check()
    const { backend, handle } = this.#lease
    const { sync, lent } = backend
    const short = !parallel && hasTime() && isShort(this.dim, this.#extent(params))
    const here = sync ?? (short && lent?.ready(handle, params.k) ? lent : null)
    if (here && short) {
      const hits = runShort(() => this.#hitsNow(here, vector, params))
      if (hits) {
        if (!options.signal) return hits
        await undefined // whoever aborts as soon as the call has returned means this search too
        options.signal.throwIfAborted()
        return hits
      }
    }
    const answer = () =>
      parallel
        ? backend.searchBatch(handle, vector, params, this.#threads)
        : backend.search(handle, vector, params)
    const found = await this.#lease.use(() => abortable(answer(), options.signal))
    await nextTurn()
    return toHits(this.#table, found.slots, found.distances, 0, found.counts[0] ?? 0)
  }

  /** As `search`, on the calling thread. `BLOCKING` where that is impossible (a page). */
  searchSync(query: Query, options: SyncSearchOptions = {}): Hit[] {
    checkOptions(options, 'searchSync')
    const params = searchParams(options, this.#stats)
    const sync = this.#sync('searchSync')
    return this.#hitsNow(sync, toQuery(query, this.dim), params)!
  }

  /**
   * The hot path: writes keys and distances into the caller's arrays and returns how many. `k` is the
   * arrays' length unless given.
   */
  searchInto(
    query: Query,
    keysOut: Float64Array | Uint32Array,
    distancesOut: Float32Array,
    options: SyncSearchOptions = {},
  ): number {
    checkOptions(options, 'searchSync')
    const room = this.#room(keysOut, distancesOut)
    const params = searchParams(options, this.#stats, options.k ?? Math.max(room, 1), this.#params)
    if (params.k > room) {
      throw new NearfieldError(
        'OPTION',
        `the arrays must have room for k = ${params.k} answers, they have room for ${room}`,
      )
    }
    const sync = this.#sync('searchInto')
    const vector = toQuery(query, this.dim)
    if (keysOut instanceof Uint32Array && this.#table.sort === 'rows') {
      return this.#searchInto(sync, vector, params, keysOut, distancesOut)
    }
    this.#reserve(params.k)
    const count = this.#searchInto(sync, vector, params, this.#slots, distancesOut)
    for (let i = 0; i < count; i++) keysOut[i] = this.#table.number(this.#slots[i]!)
    return count
  }

  /** Answers to many queries, flat, on all threads. */
  async searchBatch(queries: Vectors, options: BatchOptions = {}): Promise<BatchHits> {
    checkOptions(options, 'batch')
    const params = searchParams(options, this.#stats)
    const meter = new Meter(options)
    const { data, rows } = this.#queries(queries)
    const hits = new BatchCollector(this.#table, rows, params.k)
    await this.#chunks(data, rows, options, meter, [params], (first, [found]) => hits.add(first, found!))
    return hits.finish()
  }

  /** The share of true neighbours a search with these options finds, over `queries`; 1 is all. */
  async recall(queries: Vectors, options: RecallOptions = {}): Promise<number> {
    checkOptions(options, 'recall')
    const params = searchParams(options, this.#stats)
    const meter = new Meter(options)
    const { data, rows } = this.#queries(queries)
    if (rows === 0) throw new NearfieldError('OPTION', 'recall needs at least one query, received none')
    const total: Tally = { found: 0, wanted: 0 }
    await this.#chunks(
      data,
      rows,
      options,
      meter,
      [params, { ...params, exact: true, rerank: true }],
      (_, [found, exact]) => tally(total, found!, exact!, params.k, !params.rerank),
    )
    return total.wanted === 0 ? 1 : total.found / total.wanted
  }

  /**
   * Adds rows. Searches may go on and see the batch once it is whole; another `add` waits for this
   * one. When it rejects, aborted or refused, the index is as it was.
   */
  async add(vectors: Vectors, options: AddOptions = {}): Promise<Added> {
    checkOptions(options, 'add')
    const meter = new Meter(options)
    const { backend, handle } = this.#lease
    const threads = options.threads ?? this.#threads
    return this.#lease.use(async () => {
      const { data, rows } = toMatrix(vectors, this.dim, 'vectors')
      const keys = toKeyColumn(options.keys, rows)
      const adder = await backend.addBegin(handle, data, keys, threads)
      return this.#queue.turn(async () => {
        const batch = { backend, adder, keys, rows, threads }
        const first = await addBatch(batch, this.#table, meter)
        this.#stats = Object.freeze(JSON.parse(await backend.describe(handle)) as IndexStats)
        return { added: rows, first }
      })
    })
  }

  /**
   * The smallest `ef`, or of zones the fewest `probes`, that find the wanted share of true neighbours of
   * `queries`, measured against exact search over this index. Where none do, `reached` is false and the rest tells of the best.
   * Of zones, `auto` tells what to promise with probes `auto` where that finds as much in fewer rows.
   */
  async tune(queries: Vectors, options: TuneOptions): Promise<Tuned> {
    checkOptions(options, 'tune')
    const { k, rerank } = searchParams({ k: options.k, rerank: options.rerank }, this.#stats)
    const wanted = checkRecall(options.recall)
    const meter = new Meter(options)
    const { data, rows } = this.#queries(queries)
    if (rows === 0) throw new NearfieldError('OPTION', 'tune needs at least one query, received none')
    const answer = async (params: SearchParams, report: Meter): Promise<readonly RawHits[]> => {
      const answers: RawHits[] = []
      await this.#chunks(data, rows, options, report, [params], (_, [found]) => answers.push(found!))
      return answers
    }
    const effort = effortOf(this.#stats, k)
    const scanned = (effort: number) => this.#scanned(data, rows, { k, effort, exact: false, rerank }, meter)
    return tune(answer, { k, rerank, wanted, effort }, meter, effort.name === 'probes' ? scanned : undefined)
  }

  /** Rows that a search scans by strips, on average over some of these queries, evenly spread. */
  async #scanned(data: Float32Array, rows: number, params: SearchParams, meter: Meter): Promise<number> {
    const { backend, handle } = this.#lease
    return this.#lease.use(async () => {
      const asked = Math.min(rows, ASKED_MAX)
      let scanned = 0
      for (let at = 0; at < asked; at++) {
        meter.check()
        const row = Math.floor((at * rows) / asked)
        const query = data.slice(row * this.dim, (row + 1) * this.dim)
        const told = JSON.parse(await backend.explain(handle, query, params)) as Account
        scanned += told.scanned ?? 0
      }
      return scanned / asked
    })
  }

  /** What a search for `query` does: how much it compares, where it walks, and how long it takes. */
  async explain(query: Query, options: ExplainOptions = {}): Promise<Explanation> {
    checkOptions(options, 'searchSync')
    const params = searchParams(options, this.#stats)
    const vector = toQuery(query, this.dim).slice()
    const { backend, handle } = this.#lease
    return this.#lease.use(async () => {
      const told = JSON.parse(await backend.explain(handle, vector, params)) as Account
      const key = told.entry === null ? null : this.#table.key(told.entry)
      return { ...told, entry: key, micros: await microsOf(backend, handle, vector, params) }
    })
  }

  /** Writes the index's file, as the index is now. A path is replaced as a whole: afterwards it is the old file or the new. */
  async save(target: Target, options: SaveOptions = {}): Promise<void> {
    checkOptions(options, 'save')
    const meter = new Meter(options)
    const place = typeof target === 'string' || target instanceof URL ? this.#host.locate(target) : null
    const path = place && 'path' in place ? place.path : null
    await this.#frozen(options, (image) =>
      saveTo(target, path, this.#host.files as Files | null, image, meter),
    )
  }

  /** The index's file as one array, as the index is now. */
  async toBytes(options: SaveOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    checkOptions(options, 'save')
    const meter = new Meter(options)
    return this.#frozen(options, (image) => toBytes(image, meter))
  }

  stats(): IndexStats {
    this.#lease.check()
    return this.#stats
  }

  /** Walks every invariant of the index, reachability too; rejects with `CORRUPT` naming what is broken. */
  async check(): Promise<void> {
    await this.#lease.use(() => this.#lease.backend.check(this.#lease.handle))
  }

  /** Lets calls under way finish, refuses later ones with `CLOSED`, frees the memory. */
  close(): Promise<void> {
    return this.#lease.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Cuts queries into chunks, answers each once per entry of `params`, hands the answers on. */
  async #chunks(
    data: Float32Array,
    rows: number,
    options: RunOptions,
    meter: Meter,
    params: readonly SearchParams[],
    take: (first: number, answers: readonly RawHits[]) => void,
  ): Promise<void> {
    const { backend, handle } = this.#lease
    const threads = options.threads ?? this.#threads
    const scans = this.kind === 'flat' || params.some(({ exact }) => exact)
    const affordable = scans
      ? Math.floor(CHUNK_WORK_MAX / Math.max(1, this.size * this.dim))
      : CHUNK_QUERIES_MAX
    const chunk = Math.min(CHUNK_QUERIES_MAX, Math.max(16, affordable))
    await this.#lease.use(async () => {
      for (let first = 0; first < rows; first += chunk) {
        if (first > 0) this.#lease.check()
        const end = Math.min(rows, first + chunk)
        const some = data.subarray(first * this.dim, end * this.dim)
        const answers: RawHits[] = []
        for (const each of params) answers.push(await backend.searchBatch(handle, some, each, threads))
        take(first, answers)
        await meter.step('search', end, rows)
      }
    })
  }

  /** Queries as rows. With more than one chunk ahead they are copied: the caller may change them meanwhile. */
  #queries(queries: Vectors): { readonly data: Float32Array; readonly rows: number } {
    this.#lease.check()
    const { data, rows } = toMatrix(queries, this.dim, 'queries')
    return { data: queries instanceof Float32Array || 'data' in queries ? data.slice() : data, rows }
  }

  #sync(call: string): SyncCalls {
    this.#lease.check()
    const { sync } = this.#lease.backend
    if (sync) return sync
    throw new NearfieldError(
      'BLOCKING',
      `${call} would block the page; use search, or call it in a worker of your own`,
    )
  }

  /** `null` where lent calls cannot tell. */
  #hitsNow(sync: SyncCalls | LentCalls, query: Float32Array, params: SearchParams): Hit[] | null {
    this.#reserve(params.k)
    const count = this.#searchInto(sync, query, params, this.#slots, this.#distances)
    if (count < 0) return null
    return toHits(this.#table, this.#slots, this.#distances, 0, count)
  }

  /** What a search goes over: rows, or a walk's candidates. */
  #extent({ k, effort, exact }: SearchParams): { rows: number } | { candidates: number } {
    const { kind, size, zones, probes } = this.#stats
    if (kind === 'flat' || exact) return { rows: size }
    if (kind === 'zones') {
      const promise = promiseOf(effort)
      // What is left out halves, about, where zones are twice as many, and is a twentieth at the default.
      const few = promise === null ? effort : ((probes ?? 0) * 0.05) / (1 - promise)
      return { rows: size * Math.min(1, (few || (probes ?? 0)) / (zones || 1)) }
    }
    return { candidates: Math.min(size, Math.max(k, effort || EF_DEFAULT)) }
  }

  #searchInto(
    sync: SyncCalls | LentCalls,
    query: Float32Array,
    params: SearchParams,
    slots: Uint32Array,
    distances: Float32Array,
  ): number {
    const { k, effort, exact, rerank } = params
    return sync.searchInto(this.#lease.handle, query, k, effort, exact, rerank, slots, distances)
  }

  #reserve(k: number): void {
    if (this.#slots.length >= k) return
    this.#slots = new Uint32Array(k)
    this.#distances = new Float32Array(k)
  }

  /** How many answers fit, after checking that keys fit into the array they go to. */
  #room(keysOut: unknown, distancesOut: unknown): number {
    if (!(keysOut instanceof Float64Array) && !(keysOut instanceof Uint32Array)) {
      throw new NearfieldError(
        'OPTION',
        `keysOut must be a Float64Array or a Uint32Array, received ${shown(keysOut)}`,
      )
    }
    if (!(distancesOut instanceof Float32Array)) {
      throw new NearfieldError(
        'OPTION',
        `distancesOut must be a Float32Array, received ${shown(distancesOut)}`,
      )
    }
    if (this.#table.sort === 'text') {
      throw new NearfieldError(
        'KEY',
        'searchInto writes numbers and the keys of this index are strings; use searchSync',
      )
    }
    const wide = keysOut instanceof Uint32Array ? this.#table.beyondU32() : undefined
    if (wide !== undefined) {
      throw new NearfieldError(
        'KEY',
        `keysOut must be a Float64Array: key ${wide} does not fit into a Uint32Array`,
      )
    }
    return Math.min(keysOut.length, distancesOut.length)
  }

  /** Rows may be added while a file is written: it is that of a copy, where there is need of one. */
  #frozen<T>({ format = 'nearfield' }: SaveOptions, use: (image: Image) => Promise<T>): Promise<T> {
    checkFormat(format)
    const { backend, handle } = this.#lease
    const open = () => this.#lease.check()
    return this.#lease.use(async () => {
      const index = await backend.freeze(handle)
      try {
        if (format === 'hnswlib') {
          const bytes = await backend.exportBytes(index)
          return await use({ bytes, open, read: (at, count) => backend.readExport(index, at, count) })
        }
        const { bytes } = JSON.parse(await backend.describe(index)) as IndexStats
        return await use({ bytes, open, read: (at, count) => backend.readFile(index, at, count) })
      } finally {
        await backend.drop(index).catch(() => {}) // the first error is the one to tell
      }
    })
  }
}

/** Rejects as soon as the signal aborts; the work itself is short and ends by itself. */
function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
