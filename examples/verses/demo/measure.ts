/**
 * How fast and how right an index answers. Each measurement runs for a fixed slice of time and at
 * least one full round, so that a slow backend does not make the demo long.
 */

import type { Index } from 'nearfield'

export const K = 10
export const EF = 100
const SLICE_MS = 500
/** A single-query round may stop early after so many queries. */
const SINGLE_QUERIES_MIN = 50

export interface Measured {
  /** One query at a time on one thread, call overhead included. */
  readonly millisecondsPerQuery: number
  /** Batches on all threads. */
  readonly queriesPerSecond: number
  /** Share of the exact ten nearest found, over questions that are no rows. */
  readonly recallAt10: number
}

export async function measure(index: Index, queries: Float32Array, signal: AbortSignal): Promise<Measured> {
  const millisecondsPerQuery = await measureSingle(index, queries, signal)
  const queriesPerSecond = await measureBatch(index, queries, signal)
  const recallAt10 = await index.recall(queries, { k: K, ef: EF, signal })
  return { millisecondsPerQuery, queriesPerSecond, recallAt10 }
}

async function measureSingle(index: Index, queries: Float32Array, signal: AbortSignal): Promise<number> {
  const { dim } = index
  const rows = queries.length / dim
  const query = (turn: number) => queries.subarray((turn % rows) * dim, ((turn % rows) + 1) * dim)
  for (let turn = 0; turn < 10; turn += 1) index.searchSync(query(turn), { k: K, ef: EF })

  signal.throwIfAborted()
  const start = performance.now()
  let done = 0
  while (done < SINGLE_QUERIES_MIN || performance.now() - start < SLICE_MS) {
    index.searchSync(query(done), { k: K, ef: EF })
    done += 1
  }
  return (performance.now() - start) / done
}

async function measureBatch(index: Index, queries: Float32Array, signal: AbortSignal): Promise<number> {
  const rows = queries.length / index.dim
  const start = performance.now()
  let done = 0
  do {
    await index.searchBatch(queries, { k: K, ef: EF, signal })
    done += rows
  } while (performance.now() - start < SLICE_MS)
  return (done * 1000) / (performance.now() - start)
}
