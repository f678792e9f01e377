/**
 * `index.add`: one copy into the backend at the door, then the core's steps one by one, as `buildIndex`
 * takes them. Batches of one index are added one after the other, in the order of the calls.
 *
 *   vectors ─▶ addBegin ─▶ (the batch before) ─▶ addStep × n ─▶ keys known ─▶ addFinish: shown
 *                                                  │ report, yield, look at the signal; on any error addDrop
 */
import type { AdderHandle, Backend, KeyColumn } from '../backend.ts'
import type { KeyTable } from './keys.ts'
import type { Meter } from './progress.ts'

/** A batch at the door. */
export interface Batch {
  readonly backend: Backend
  readonly adder: AdderHandle
  readonly keys: KeyColumn | null
  readonly rows: number
  readonly threads: number
}

/** Who is adding to one index. */
export class Queue {
  #last: Promise<unknown> = Promise.resolve()

  /** Runs `work` after all that came before, whatever became of it. */
  async turn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work, work)
    this.#last = mine.catch(() => {}) // its caller hears of it
    return mine
  }
}

/** Takes the steps; the slot of the batch's first row. On an error nothing has changed. */
export async function addBatch(batch: Batch, table: KeyTable, meter: Meter): Promise<number> {
  const { backend, adder, threads } = batch
  const known = table.rows
  try {
    meter.check()
    for (;;) {
      const { phase, done, total } = await backend.addStep(adder, threads)
      await meter.step(phase, done, total)
      if (phase === 'done') break
    }
    // A search may answer with the new rows before the backend has told us that they are shown.
    table.append(batch.keys, batch.rows)
    return await backend.addFinish(adder)
  } catch (error) {
    table.truncate(known)
    await backend.addDrop(adder).catch(() => {}) // the first error is the one to tell
    throw error
  }
}
