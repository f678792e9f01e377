/**
 * What one search did, for people who wonder why it is slow or finds little. The core counts, on a walk
 * compiled for counting; the time is taken here, of an ordinary search that counts nothing. The parts of a
 * scan of strips are timed by the backend, whose clock the core is given.
 */
import type { Backend, IndexHandle, SearchParams } from '../backend.ts'
import type { Codec, Kind } from '../generated/options.ts'
import type { Key } from './keys.ts'

/** The core's account, its entry a slot. */
export interface Account {
  /** Neighbours found. */
  readonly found: number
  /** Rows compared, by their codes (of strips, too) and by their vectors. */
  readonly distances: { readonly byCode: number; readonly byVector: number }
  /** Nodes whose links were followed, on level 0, 1 and so on, within all zones where these are walked; empty for a scan. */
  readonly expanded: readonly number[]
  /** Candidates that were left to be judged; 0 for a scan. */
  readonly pool: number
  /** Where the walk started; null for a scan. */
  readonly entry: number | null
  readonly k: number
  /** Candidates the walk keeps, twice as many by codes; null for a scan. */
  readonly ef: number | null
  /** Zones scanned by their strips, or walked; this and the next four are null where there are none. */
  readonly probes: number | null
  /** What decided how many these are, with probes `auto`; null otherwise. */
  readonly promise: Promised | null
  /** Rows of these zones that were compared by code, by strips or on walks. */
  readonly scanned: number | null
  /** Rows that were kept for codes and vectors to judge. */
  readonly kept: number | null
  /**
   * Microseconds of the parts of such a scan, as the mean of a few searches and as fine as the clock of the runtime: turning
   * the query, its tables, finding zones, scanning them, judging what is kept by codes and by vectors.
   */
  readonly phases: Readonly<
    Record<'rotate' | 'table' | 'route' | 'scan' | 'codes' | 'vectors', number>
  > | null
  /** Whether every vector was compared. */
  readonly exact: boolean
  /** Whether vectors judged the answer; false where codes did. */
  readonly rerank: boolean
  readonly kind: Kind
  readonly codec: Codec
  /** Instruction set of the kernels. */
  readonly isa: string
  /** What `auto` chose for the index and why; null where nothing was left to choose. */
  readonly chosen: string | null
}

/** Zones are scanned from the nearest on, while what one is worth is a share of the worth of it and all before it. */
export interface Promised {
  /** What is to be found, of true neighbours and on average. */
  readonly recall: number
  /** The least share that is scanned; null where nothing was measured and a number of zones stands for the recall. */
  readonly least: number | null
  /** The share of the first zone that was not scanned, 0 where all were; null with `least`. */
  readonly left: number | null
}

export interface Explanation extends Omit<Account, 'entry'> {
  /** The key of the row where the walk started; null for a scan. */
  readonly entry: Key | null
  /** Microseconds of one search, the least mean of a few times; in a page by the worker, with the way there and back. */
  readonly micros: number
}

/** Times that are taken. */
const TIMES = 5
/** Milliseconds of each, at the least: clocks of pages that are not isolated go by steps of a tenth. */
const TIME_MS_MIN = 1

/** One search is one thread's work, whatever the index may use for batches. */
export async function microsOf(
  backend: Backend,
  index: IndexHandle,
  query: Float32Array,
  params: SearchParams,
): Promise<number> {
  const { sync } = backend
  const { k, effort, exact, rerank } = params
  const slots = new Uint32Array(k)
  const distances = new Float32Array(k)
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < TIMES; i++) {
    const started = performance.now()
    let elapsed = 0
    let searches = 0
    do {
      if (sync) sync.searchInto(index, query, k, effort, exact, rerank, slots, distances)
      else await backend.search(index, query, params)
      searches += 1
      elapsed = performance.now() - started
    } while (elapsed < TIME_MS_MIN)
    least = Math.min(least, elapsed / searches)
  }
  return least * 1000
}
