/** What is measured of one open index, the same in Node and in a page. */
import { type BuildOptions, buildIndex, type Index, type SearchOptions } from 'nearfield'

export interface Ask {
  /** Instructions the page's kernels are held to. */
  readonly isa: 'auto' | 'simd128'
  /** `k`, and `ef` or `probes`. */
  readonly search: SearchOptions
  /** Of each figure, at least. */
  readonly seconds: number
  readonly threads: readonly number[]
}

/** Queries per second. */
export interface Rates {
  readonly single: number
  /** By threads, as asked. */
  readonly batch: readonly number[]
}

/** Seconds of a build on all threads. */
export async function timeBuild(vectors: Float32Array, options: BuildOptions): Promise<number> {
  const started = performance.now()
  await using _index: Index = await buildIndex(vectors, options)
  return (performance.now() - started) / 1000
}

/** Awaits one query after another, then whole batches on each number of threads. */
export async function measureRates(index: Index, queries: Float32Array, ask: Ask): Promise<Rates> {
  const { search, seconds } = ask
  const count = queries.length / index.dim
  const rate = async (once: () => Promise<number>) => {
    await once() // warm: compiled, scratch grown, pages touched
    let [done, took] = [0, 0]
    for (const started = performance.now(); took < seconds * 1000; took = performance.now() - started)
      done += await once()
    return (done / took) * 1000
  }
  let at = 0
  const some = async () => {
    for (let turn = 0; turn < 50; turn++, at = (at + 1) % count)
      await index.search(queries.subarray(at * index.dim, (at + 1) * index.dim), search)
    return 50
  }
  const batch: number[] = []
  for (const threads of ask.threads) {
    batch.push(
      await rate(async () => {
        await index.searchBatch(queries, { ...search, threads })
        return count
      }),
    )
  }
  return { single: await rate(some), batch }
}
