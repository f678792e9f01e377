/**
 * What a call costs beyond the work it asks for: `searchInto` and `search` on the native backend, with
 * 1 row of 16, 128 and 768 numbers, where a search is next to nothing, against a loop that calls nothing.
 *
 *   npm run bench:calls -- [--rounds 9] [--calls 50000]
 *
 * A figure is the least mean of a call over the rounds, in processor time of the main thread, for
 * whatever else ran in between is not the call's. Rounds take turns.
 *
 *   searchInto ─ one row          the way there and back, and one comparison
 *   search − searchInto           promise, hits and keys of the same answer
 *   bytes a call                  what twice as many calls let the heap grow more; the space for the young is larger
 *                                 than all of it, so that nothing is collected in between, and what V8
 *                                 allocates for itself (a megabyte or two, now and then) falls out: 0 is none
 */
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { buildIndex, type Index } from 'nearfield'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '9' }, calls: { type: 'string', default: '50000' } },
})
const rounds = Number(values.rounds)
const calls = Number(values.calls)

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Makes so many calls and says how many answers came. */
type Work = (calls: number) => number | Promise<number>

class Cost {
  micros = Number.POSITIVE_INFINITY
  /** The least growth of the heap over `calls` calls, and over twice as many. */
  readonly #grown: [number, number] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]

  get bytes(): number {
    return Math.max(0, this.#grown[1] - this.#grown[0]) / calls
  }

  /** Keeps the least of what `work` takes; the answers that came. */
  async measure(work: Work): Promise<number> {
    let answers = 0
    for (const times of [1, 2] as const) {
      collect()
      const heap = process.memoryUsage().heapUsed
      const before = process.cpuUsage()
      answers += await work(times * calls)
      const { user, system } = process.cpuUsage(before)
      const grown = process.memoryUsage().heapUsed - heap
      this.micros = Math.min(this.micros, (user + system) / (times * calls))
      this.#grown[times - 1] = Math.min(this.#grown[times - 1] as number, grown)
    }
    return answers
  }
}

const none = () => ({ loop: new Cost(), searchInto: new Cost(), search: new Cost() })

async function costs(rows: number, dim: number): Promise<ReturnType<typeof none>> {
  const vectors = Float32Array.from({ length: rows * dim }, (_, at) => Math.sin(at))
  await using index: Index = await buildIndex(vectors, { dim, kind: 'flat', backend: 'native' })
  const query = vectors.slice(0, dim)
  const keys = new Uint32Array(1)
  const distances = new Float32Array(1)
  const options = { k: 1 } as const
  const all = none()
  const work: Record<keyof typeof all, Work> = {
    loop: (times) => {
      let count = 0
      for (let call = 0; call < times; call++) count += keys.length
      return count
    },
    searchInto: (times) => {
      let count = 0
      for (let call = 0; call < times; call++) count += index.searchInto(query, keys, distances, options)
      return count
    },
    search: async (times) => {
      let count = 0
      for (let call = 0; call < times; call++) count += (await index.search(query, options)).length
      return count
    },
  }
  for (let round = 0; round <= rounds; round++) {
    // The first round warms up and is not counted.
    const kept = round === 0 ? none() : all
    for (const name of ['loop', 'searchInto', 'search'] as const) {
      const answers = await kept[name].measure(work[name])
      if (answers !== 3 * calls) throw new Error(`expected ${3 * calls} answers, received ${answers}`)
    }
  }
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
