/**
 * What a call costs beyond the work it asks for: `searchInto` and `search` on the native backend, with
 * 1 row of 16 numbers and with 128, where a search is next to nothing, against a loop that calls nothing.
 *
 *   npm run bench:calls -- [--rounds 9] [--calls 100000]
 *
 * A figure is the least mean of a call over the rounds, in processor time of the main thread, for
 * whatever else ran in between is not the call's. Rounds take turns.
 *
 *   searchInto ─ one row          the way there and back, and one comparison
 *   search − searchInto           promise, hits and keys of the same answer
 *   bytes a call                  growth of the heap over all calls, collector off in between: 0 is none
 */
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { buildIndex, type Index } from 'nearfield'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '9' }, calls: { type: 'string', default: '100000' } },
})
const rounds = Number(values.rounds)
const calls = Number(values.calls)

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

interface Cost {
  micros: number
  bytes: number
}

const nothing = (): Cost => ({ micros: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY })

/** Keeps the least of what `work` took a call. */
async function measure(cost: Cost, work: () => void | Promise<void>): Promise<void> {
  collect()
  const heap = process.memoryUsage().heapUsed
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  const grown = process.memoryUsage().heapUsed - heap
  cost.micros = Math.min(cost.micros, (user + system) / calls)
  cost.bytes = Math.min(cost.bytes, Math.max(0, grown) / calls)
}

async function costs(rows: number, dim: number): Promise<Record<'loop' | 'searchInto' | 'search', Cost>> {
  const vectors = Float32Array.from({ length: rows * dim }, (_, at) => Math.sin(at))
  await using index: Index = await buildIndex(vectors, { dim, kind: 'flat', backend: 'native' })
  const query = vectors.slice(0, dim)
  const keys = new Uint32Array(1)
  const distances = new Float32Array(1)
  const options = { k: 1 } as const
  const all = { loop: nothing(), searchInto: nothing(), search: nothing() }
  let answers = 0
  for (let round = 0; round <= rounds; round++) {
    // The first round warms up and is not counted.
    const kept = round === 0 ? { loop: nothing(), searchInto: nothing(), search: nothing() } : all
    await measure(kept.loop, () => {
      let count = 0
      for (let call = 0; call < calls; call++) count += keys.length
      answers += count
    })
    await measure(kept.searchInto, () => {
      let count = 0
      for (let call = 0; call < calls; call++) count += index.searchInto(query, keys, distances, options)
      answers += count
    })
    await measure(kept.search, async () => {
      let count = 0
      for (let call = 0; call < calls; call++) count += (await index.search(query, options)).length
      answers += count
    })
  }
  const wanted = 3 * calls * (rounds + 1)
  if (answers !== wanted) throw new Error(`expected ${wanted} answers, received ${answers}`)
  return all
}

for (const [rows, dim] of [
  [1, 16],
  [1, 128],
  [1, 768],
] as const) {
  const { loop, searchInto, search } = await costs(rows, dim)
  const into = searchInto.micros - loop.micros
  console.log(
    `${rows} × ${dim}: searchInto ${into.toFixed(2)} µs, ${searchInto.bytes.toFixed(1)} bytes a call; ` +
      `search ${(search.micros - searchInto.micros).toFixed(2)} µs more, ${search.bytes.toFixed(0)} bytes`,
  )
}
