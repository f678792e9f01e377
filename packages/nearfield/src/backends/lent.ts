/**
 * Short searches on a page's own thread, where the way to the worker and back would take longer than they
 * do. The page has an instance of its own of the worker's module, over the same memory, and of each index
 * a stage that the worker lends it:
 *
 *   ready ── lendStage ─▶ worker ─ places in memory ─▶ searchInto: query in, search_lent, answers out
 *
 * It enters the module only while the worker owes it no answer. Then nobody else is in there: threads of
 * the pool are asleep or on their way, with rayon's own locks and the allocator's, which spins. So no lock
 * is met that a page would have to wait for, and the messages order what both write. The worker frees what
 * it lends, with the index; nothing here outlives the backend.
 */
import type { IndexHandle, LentCalls, LentStage } from '../backend.ts'
import { type StagedSearch, type StageViews, searchStaged } from './stage.ts'

/** `search_lent` of an instance. */
export type SearchLent = (index: number, k: number, effort: number, exact: boolean, rerank: boolean) => number

/** Enters the module for the first time on this thread. */
export type EnterModule = () => SearchLent

/** What the other end has to do with it. */
export interface Lender {
  lendStage(index: IndexHandle, hits: number): Promise<LentStage | null>
  /** Whether it owes no answer. */
  atRest(): boolean
  /** The module trapped. */
  died(why: string): void
}

export interface Borrower extends LentCalls {
  /** Before the index is dropped. */
  forget(index: IndexHandle): void
  /** Lets go of the module and its memory. */
  end(): void
}

/** Answers of one search; who asks for more waits longer for their objects than for the worker. */
const HITS_MAX = 1024

/** Without an instance, or until there is one, the worker answers as ever. */
export function borrow(instance: Promise<EnterModule>, { lendStage, atRest, died }: Lender): Borrower {
  /** `null` is asked for, or refused. */
  const stages = new Map<IndexHandle, (StageViews & StagedSearch) | null>()
  let enter: EnterModule | undefined
  let search: SearchLent | undefined
  const none = () => {}
  instance
    .then((entrance) => {
      enter = entrance
    })
    .catch(none)
  const ask = (handle: IndexHandle) => {
    stages.set(handle, null)
    lendStage(handle, HITS_MAX)
      .then((lent) => {
        if (!lent || !stages.has(handle)) return
        const { memory, dim, places } = lent
        const [query, slots, distances, index] = places
        stages.set(handle, {
          query: new Float32Array(memory, query, dim),
          slots: new Uint32Array(memory, slots, HITS_MAX),
          distances: new Float32Array(memory, distances, HITS_MAX),
          search: (...how) => search!(index, ...how),
        })
      })
      .catch(none)
  }
  return {
    ready(index, k) {
      if (!atRest()) return false
      const stage = stages.get(index)
      if (stage === undefined) ask(index)
      return !!stage && !!enter && k <= HITS_MAX
    },
    searchInto(index, ...rest) {
      const stage = stages.get(index)!
      try {
        search ??= enter!()
        return searchStaged(stage, stage, ...rest)
      } catch (error) {
        died(String(error)) // a trap: errors and panics are numbers
        return -1
      }
    },
    forget: (index) => void stages.delete(index),
    end() {
      stages.clear()
      enter = search = undefined
    },
  }
}
