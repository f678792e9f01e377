/**
 * The least effort that reaches a recall: it is doubled until it does, then the step between the last
 * two is halved. Recall grows with effort but for a query here and there, so what is found is the least
 * or next to it, and what it reaches was measured, not concluded.
 *
 *   exact answers, once ─▶ ef = k, 2k, 4k … reached ─▶ bisect (last that did not, first that did]
 *
 * Of zones, the least recall that probes `auto` have to promise is looked for too, and told where it scans fewer rows.
 */
import type { RawHits, SearchParams } from '../backend.ts'
import { EF_MAX, RECALL_MAX, RECALL_MIN } from '../generated/constants.ts'
import { NearfieldError, shown } from './errors.ts'
import type { IndexStats } from './index.ts'
import { effortFor } from './options.ts'
import type { Meter } from './progress.ts'
import { type Tally, tally } from './recall.ts'

/** Promises are tried in thousandths. */
const THOUSAND = 1000
/** Measurements that it takes to find one. */
const PROMISES = 1 + Math.ceil(Math.log2((RECALL_MAX - RECALL_MIN) * THOUSAND))

/** What to search with, and what that was measured to find. */
export interface Tuned {
  readonly k: number
  /** For `search` of a graph. A flat index has no use for it and gets `k`. */
  readonly ef?: number
  /** For `search` of zones. */
  readonly probes?: number
  /** The share of true neighbours found with this effort. */
  readonly recall: number
  /** False where even the most that can be asked for finds less; the rest then tells of the best. */
  readonly reached: boolean
  /** Of zones: probes `auto` that find the share too, in fewer rows; absent where none were found to. */
  readonly auto?: TunedAuto
  /** Every effort that was measured, ascending. */
  readonly tried: readonly { readonly ef?: number; readonly probes?: number; readonly recall: number }[]
}

/** What to promise with probes `auto`. */
export interface TunedAuto {
  /** The least recall to ask for, `{ probes: 'auto', recall }`, that finds the wanted share. */
  readonly recall: number
  /** The share of true neighbours found so. */
  readonly found: number
  /** Rows scanned, as a share of those that `probes` scan. */
  readonly rows: number
}

/** What a search may be given more or less of. */
export interface Effort {
  readonly name: 'ef' | 'probes'
  readonly least: number
  readonly most: number
  /** Whether every search is exact. */
  readonly exact: boolean
}

export function effortOf(index: Pick<IndexStats, 'kind' | 'codec' | 'size' | 'zones'>, k: number): Effort {
  const { kind, codec, size, zones } = index
  if (kind === 'zones') return { name: 'probes', least: 1, most: Math.max(1, zones ?? 0), exact: false }
  const most = kind === 'hnsw' ? Math.max(k, Math.min(size, EF_MAX)) : k
  return { name: 'ef', least: k, most, exact: kind === 'flat' && codec === 'f32' }
}

/** What is asked for, of which index. */
export interface Wish {
  readonly k: number
  /** False to answer by codes. */
  readonly rerank: boolean
  readonly wanted: number
  readonly effort: Effort
}

/** Rows that a search by this effort scans, on average. */
export type Scanned = (effort: number) => Promise<number>

/** All queries answered, chunk by chunk, which exact answers may cut smaller. */
export type Answer = (params: SearchParams, report: Meter) => Promise<readonly RawHits[]>

export function checkRecall(recall: unknown): number {
  if (typeof recall === 'number' && recall > 0 && recall <= 1) return recall
  throw new NearfieldError('OPTION', `recall must be above 0 and at most 1, received ${shown(recall)}`)
}

export async function tune(answer: Answer, wish: Wish, meter: Meter, scanned?: Scanned): Promise<Tuned> {
  const { k, rerank, wanted } = wish
  const { name, least, most } = wish.effort
  // Answers of one measurement are not this call's progress: its steps are the measurements.
  const quiet = meter.quiet()
  const exact = joined(await answer({ k, effort: 0, exact: true, rerank: true }, quiet))
  const tried = new Map<number, number>()
  // The exact answers, the doublings, a bisection of the last and widest of them, and that of promises.
  const plain = 2 + Math.ceil(Math.log2(most / least)) + Math.ceil(Math.log2(most))
  const steps = plain + (scanned ? PROMISES : 0)
  let done = 0
  const step = () => meter.step('search', ++done, steps)
  await step()
  const measure = async (effort: number): Promise<number> => {
    const total: Tally = { found: 0, wanted: 0 }
    const params = { k, effort, exact: false, rerank }
    const found = wish.effort.exact ? exact : joined(await answer(params, quiet))
    tally(total, found, exact, k, !rerank)
    await step()
    return total.wanted === 0 ? 1 : total.found / total.wanted
  }
  const trying = async (effort: number): Promise<number> => {
    tried.set(effort, await measure(effort))
    return tried.get(effort)!
  }
  let effort = least
  let below = least - 1
  while ((await trying(effort)) < wanted && effort < most) {
    below = effort
    effort = Math.min(most, effort * 2)
  }
  while (tried.get(effort)! >= wanted && effort - below > 1) {
    const middle = below + Math.floor((effort - below) / 2)
    if ((await trying(middle)) >= wanted) effort = middle
    else below = middle
  }
  const reached = tried.get(effort)! >= wanted
  const auto = reached && scanned ? await promising(measure, scanned, wanted, effort) : undefined
  await meter.step('search', steps, steps)
  const ascending = [...tried].sort(([a], [b]) => a - b).map(([at, recall]) => ({ [name]: at, recall }))
  return {
    k,
    [name]: effort,
    recall: tried.get(effort)!,
    reached,
    ...(auto && { auto }),
    tried: ascending,
  }
}

/** Chunks as one: a query has its place however they were cut. */
function joined(chunks: readonly RawHits[]): RawHits {
  const [first] = chunks
  if (first && chunks.length === 1) return first
  const length = (name: keyof RawHits) => chunks.reduce((sum, chunk) => sum + chunk[name].length, 0)
  const all: RawHits = {
    slots: new Uint32Array(length('slots')),
    distances: new Float32Array(length('distances')),
    counts: new Uint32Array(length('counts')),
  }
  let [hits, queries] = [0, 0]
  for (const { slots, distances, counts } of chunks) {
    all.slots.set(slots, hits)
    all.distances.set(distances, hits)
    all.counts.set(counts, queries)
    hits += slots.length
    queries += counts.length
  }
  return all
}

/** The least promise that finds as much, by bisection, if it scans fewer rows than these probes. */
async function promising(
  measure: (effort: number) => Promise<number>,
  scanned: Scanned,
  wanted: number,
  probes: number,
): Promise<TunedAuto | undefined> {
  let [low, high] = [RECALL_MIN * THOUSAND, RECALL_MAX * THOUSAND]
  let found = await measure(effortFor(high / THOUSAND))
  if (found < wanted) return undefined
  while (high - low > 1) {
    const middle = low + Math.floor((high - low) / 2)
    const share = await measure(effortFor(middle / THOUSAND))
    if (share >= wanted) [high, found] = [middle, share]
    else low = middle
  }
  const rows = (await scanned(effortFor(high / THOUSAND))) / (await scanned(probes))
  return rows < 1 ? { recall: high / THOUSAND, found, rows } : undefined
}
