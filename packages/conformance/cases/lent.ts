/** Short searches that a page answers on its own thread, in its worker's memory; the worker has the rest. */
import { equal, ok, refuses, sameList } from '../assert.ts'
import { type Case, type Env, within } from '../suite.ts'
import { clustered, row } from './data.ts'

type Index = Awaited<ReturnType<Env['nearfield']['buildIndex']>>
type Hits = Awaited<ReturnType<Index['search']>>
type SearchOptions = Parameters<Index['search']>[1]

const DIM = 24
const K = 10
/** Each is given a turn of the event loop, so one of few is answered here. */
const TRIES = 200

const when = ({ page }: Env) => page !== null
const build = (env: Env, data: Float32Array, options: object = {}): Promise<Index> =>
  env.nearfield.buildIndex(data, { dim: DIM, kind: 'hnsw', backend: env.backend, ...options } as never)
const turn = () => new Promise((next) => setTimeout(next))

/** The answer to a search that was not sent to the worker. */
async function searchHere(
  env: Env,
  index: Index,
  query: Float32Array,
  options?: SearchOptions,
): Promise<Hits> {
  for (let i = 0; i < TRIES; i++) {
    const sent = env.page!.searchesSent()
    const hits = await index.search(query, options)
    if (env.page!.searchesSent() === sent) return hits
    await turn()
  }
  throw new Error(`${TRIES} searches were all sent to the worker`)
}

function same(hits: Hits, expected: Hits, what: string): void {
  const parts = (list: Hits) => list.flatMap(({ key, distance }) => [key, distance])
  sameList(parts(hits), parts(expected), what)
}

const answers: Case = {
  name: 'a page answers short searches itself, as its worker does, and leaves errors to it',
  when,
  async run(env) {
    const data = clustered(3000, DIM, 41)
    const queries = clustered(60, DIM, 42)
    const keys = Array.from({ length: 3000 }, (_, i) => `row ${i}`)
    const some = [
      { kind: 'flat' },
      { kind: 'hnsw', codec: 'sq4' },
      { kind: 'zones', keys },
      { metric: 'cosine' },
    ]
    for (const options of some) {
      await using index = await build(env, data, options)
      for (const how of [{ k: K }, { k: 1 }, { k: 40, exact: true }, { k: K, rerank: false }]) {
        const batch = await index.searchBatch(queries, how)
        await searchHere(env, index, row(queries, DIM, 0), how)
        const sent = env.page!.searchesSent()
        for (let q = 0; q < 60; q++) {
          same(await index.search(row(queries, DIM, q), how), batch.row(q), `query ${q}`)
        }
        ok(env.page!.searchesSent() - sent < 60, 'expected searches answered in the page')
      }
      const broken = new Float32Array(DIM).fill(Number.NaN)
      await refuses(env.nearfield, 'NOT_FINITE', /column 0 is NaN/, () => index.search(broken))
      await refuses(env.nearfield, 'BLOCKING', /would block/, () => index.searchSync(row(data, DIM, 0)))
      const all = await index.search(row(queries, DIM, 0), { k: 5000, exact: true })
      equal(all.length, 3000, 'answers for which there is no room in a page')
      same(
        await searchHere(env, index, row(queries, DIM, 0), { k: 5, exact: true }),
        all.slice(0, 5),
        'afterwards',
      )
    }
  },
}

const busy: Case = {
  name: 'searches go to the worker while it owes an answer, and those in the page see what was added',
  when,
  async run(env) {
    const data = clustered(9000, DIM, 43)
    await using index = await build(env, data.slice(0, 3000 * DIM))
    const asked = row(data, DIM, 8000)
    const before = await searchHere(env, index, asked)
    const batch = index.searchBatch(data.slice(0, 2000 * DIM), { k: K })
    const sent = env.page!.searchesSent()
    same(await index.search(asked), before, 'beside a batch')
    equal(env.page!.searchesSent(), sent + 1, 'searches sent beside a batch')
    await batch
    let done = false
    const adding = index.add(data.slice(3000 * DIM)).finally(() => {
      done = true
    })
    while (!done) {
      const hits = await index.search(asked)
      if (hits[0]!.key !== 8000) same(hits, before, 'before the batch is whole')
      await turn()
    }
    await adding
    same(
      (await searchHere(env, index, asked)).slice(0, 1),
      [{ key: 8000, distance: 0 }],
      'a row that was added',
    )
    equal(env.page!.searchesSent() > sent, true, 'some were sent')
    await index.check()
  },
}

const grown: Case = {
  name: 'a page searches indexes that came when memory had grown, and older ones still',
  when,
  async run(env) {
    const data = clustered(2000, DIM, 44)
    await using old = await build(env, data)
    const first = await searchHere(env, old, row(data, DIM, 7))
    for (const seed of [45, 46, 47]) {
      const large = clustered(15_000, 256, seed)
      await using index = await build(env, large, { dim: 256, kind: 'flat' })
      const [hit] = await searchHere(env, index, row(large, 256, 14_321))
      sameList([hit?.key, hit?.distance], [14_321, 0], 'of a large index')
      same(await searchHere(env, old, row(data, DIM, 7)), first, 'of the old one')
    }
  },
}

const closed: Case = {
  name: 'an index that is closed is not searched in the page either, also while it is being lent',
  when,
  async run(env) {
    const data = clustered(600, DIM, 48)
    await using other = await build(env, data)
    const expected = await searchHere(env, other, row(data, DIM, 3))
    for (let round = 0; round < 12; round++) {
      const index = await build(env, data)
      if (round % 3 === 0) await searchHere(env, index, row(data, DIM, 3))
      const last = round % 3 === 1 ? index.search(row(data, DIM, 3)) : expected // lends the stage meanwhile
      const closing = index.close()
      await refuses(env.nearfield, 'CLOSED', /closed/, () => index.search(row(data, DIM, 3)))
      same(await last, expected, 'the search under way')
      await closing
      same(await searchHere(env, other, row(data, DIM, 3)), expected, 'of another index')
    }
  },
}

const together: Case = {
  name: 'many searches at once are right, in the page and in the worker; signals end them',
  when,
  async run(env) {
    const data = clustered(4000, DIM, 49)
    const queries = clustered(400, DIM, 50)
    await using index = await build(env, data)
    const batch = await index.searchBatch(queries, { k: K, ef: 400 })
    await searchHere(env, index, row(queries, DIM, 0))
    const sent = env.page!.searchesSent()
    const all = Array.from({ length: 400 }, (_, q) => index.search(row(queries, DIM, q), { k: K, ef: 400 }))
    for (const [q, hits] of (await Promise.all(all)).entries()) same(hits, batch.row(q), `query ${q}`)
    const ways = env.page!.searchesSent() - sent
    ok(ways < 400, `expected some of 400 in the page, ${ways} were sent`)
    for (let i = 0; i < 40; i++) {
      const control = new AbortController()
      const search = index.search(row(queries, DIM, i), { signal: control.signal })
      control.abort(new Error('enough'))
      const told = await search.then(
        () => 'an answer',
        (error: Error) => error.message,
      )
      equal(told, 'enough', 'an aborted search')
      await turn()
    }
  },
}

/** Last, as every trap. */
export const lentTrap: Case = {
  name: 'a trap on the page’s thread ends the backend, and the next one is searched in the page again',
  when,
  async run(env) {
    const data = clustered(2000, DIM, 51)
    const asked = row(data, DIM, 5)
    const index = await build(env, data)
    await searchHere(env, index, asked)
    env.page!.trapNext()
    await refuses(env.nearfield, 'BACKEND', /died: RuntimeError/, () =>
      within(20_000, searchHere(env, index, asked)),
    )
    await refuses(env.nearfield, 'BACKEND', /died: RuntimeError/, () => index.search(asked))
    await refuses(env.nearfield, 'BACKEND', /died: RuntimeError/, () => index.searchBatch(asked))
    await using next = await build(env, data)
    equal((await searchHere(env, next, asked))[0]?.key, 5, 'answered by the next backend')
  },
}

export const lentCases: readonly Case[] = [answers, busy, grown, closed, together]
