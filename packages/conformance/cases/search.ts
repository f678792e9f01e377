/** Answers: against the oracle for every metric and kind, the forms of asking, and the odd sizes. */
import { equal, near, ok, sameList } from '../assert.ts'
import type { Case, Env } from '../suite.ts'
import { clustered, METRICS, type Metric, nearest, randomSource, row } from './data.ts'

const ROWS = 3000
const DIM = 40 // not a multiple of 16: the padding of rows is in play
const QUERIES = 60
const K = 10

async function build(env: Env, data: Float32Array, options: object) {
  return env.nearfield.buildIndex(data, { backend: env.backend, ...options } as never)
}

/** Distances must be the oracle's; keys may differ only where two distances are equal to f32. */
function matches(
  hits: readonly { key: unknown; distance: number }[],
  truth: readonly { slot: number; distance: number }[],
  what: string,
) {
  equal(hits.length, truth.length, `${what}, answers`)
  for (const [i, hit] of hits.entries()) {
    near(hit.distance, truth[i]!.distance, 1e-5, `${what}, distance ${i}`)
    if (hit.key !== truth[i]!.slot) {
      const twin = truth.find(({ slot }) => slot === hit.key)
      ok(
        twin === undefined ? i >= truth.length - 2 : Math.abs(twin.distance - truth[i]!.distance) < 1e-5,
        `${what}: place ${i} has key ${hit.key}, the oracle says ${truth[i]!.slot}`,
      )
    }
  }
}

type How = { readonly kind: 'flat' } | { readonly kind: 'hnsw'; readonly codec: 'f32' | 'sq8' | 'sq4' }

function exactCase(metric: Metric, how: How): Case {
  const { kind, codec = 'f32' } = { codec: undefined, ...how }
  return {
    name: `${kind} ${codec} ${metric}: answers against exhaustion in f64`,
    async run(env) {
      // Rows of the same clusters, kept out of the index; and rows of other clusters, far from all that
      // is in it, where a graph walk finds less.
      const all = clustered(ROWS + QUERIES, DIM, 7)
      const data = all.slice(0, ROWS * DIM)
      const queries = all.slice(ROWS * DIM)
      const strangers = clustered(QUERIES, DIM, 8)
      await using index = await build(env, data, { dim: DIM, metric, ...how })
      equal(index.stats().codec, codec, 'codec')
      equal(index.size, ROWS, 'size')
      equal(index.dim, DIM, 'dim')
      equal(index.metric, metric, 'metric')
      equal(index.kind, kind, 'kind')
      let found = 0
      let foundFar = 0
      const count = (hits: readonly { distance: number }[], last: number) =>
        hits.filter(({ distance }) => distance <= last + 1e-5).length
      for (let q = 0; q < QUERIES; q++) {
        const query = row(queries, DIM, q)
        const truth = nearest(metric, data, DIM, query, K)
        matches(await index.search(query, { k: K, exact: true }), truth, `exact query ${q}`)
        const stranger = row(strangers, DIM, q)
        const truthFar = nearest(metric, data, DIM, stranger, K)
        const far = await index.search(stranger, { k: K, exact: true })
        matches(far, truthFar, `exact query ${q} far from the data`)
        foundFar += count(await index.search(stranger, { k: K }), truthFar.at(-1)!.distance)
        const hits = await index.search(query, { k: K })
        if (kind === 'flat') matches(hits, truth, `query ${q}`)
        found += count(hits, truth.at(-1)!.distance)
      }
      const recall = found / (QUERIES * K)
      ok(recall >= 0.98, `expected recall@10 of 0.98, received ${recall}`)
      const recallFar = foundFar / (QUERIES * K)
      ok(recallFar >= 0.85, `expected recall@10 of 0.85 far from the data, received ${recallFar}`)
      const told = await index.recall(queries, { k: K })
      ok(Math.abs(told - recall) < 0.02, `recall() says ${told}, the oracle says ${recall}`)
    },
  }
}

const changingInputs: Case = {
  name: 'inputs may change as soon as a call has returned its promise',
  async run(env) {
    const data = clustered(200, DIM, 13)
    const query = row(data, DIM, 5).slice()
    // Whether the backend was loaded before or not; one build on its own number of threads is the first of its kind.
    for (const options of [{}, { threads: 1 }, { threads: 1 }]) {
      const given = data.slice()
      const building = build(env, given, { dim: DIM, metric: 'l2', ...options })
      given.fill(7)
      await using index = await building
      const asked = query.slice()
      const hits = index.search(asked, { k: 1 })
      asked.fill(7)
      const [hit] = await hits
      equal(hit?.key, 5, 'the nearest')
      equal(hit?.distance, 0, 'its distance')
    }
  },
}

const forms: Case = {
  name: 'search, searchSync, searchInto and searchBatch agree',
  async run(env) {
    const data = clustered(ROWS, DIM, 9)
    const queries = clustered(QUERIES, DIM, 10)
    await using index = await build(env, data, { dim: DIM, kind: 'hnsw' })
    const batch = await index.searchBatch(queries, { k: K })
    equal(batch.k, K, 'batch.k')
    for (let q = 0; q < QUERIES; q++) {
      const query = row(queries, DIM, q)
      const hits = await index.search(query, { k: K })
      const again = batch.row(q)
      sameList(
        again.map(({ key }) => key),
        hits.map(({ key }) => key),
        `batch keys of query ${q}`,
      )
      sameList(
        again.map(({ distance }) => distance),
        hits.map(({ distance }) => distance),
        `batch distances of query ${q}`,
      )
      if (!blocking(env)) continue
      const sync = index.searchSync(query, { k: K })
      sameList(
        sync.map(({ key }) => key),
        hits.map(({ key }) => key),
        `searchSync keys of query ${q}`,
      )
      const keys = new Uint32Array(K)
      const distances = new Float32Array(K)
      equal(index.searchInto(query, keys, distances), K, 'searchInto, count')
      sameList(
        keys,
        hits.map(({ key }) => key),
        `searchInto keys of query ${q}`,
      )
      sameList(
        distances,
        hits.map(({ distance }) => distance),
        `searchInto distances of query ${q}`,
      )
    }
  },
}

const timersRun: Case = {
  name: 'a long line of awaited searches keeps no timer waiting',
  async run(env) {
    const data = clustered(ROWS, DIM, 14)
    await using index = await build(env, data, { dim: DIM, kind: 'hnsw' })
    let ran = false
    setTimeout(() => {
      ran = true
    }, 1)
    // Without a turn of the event loop the timer could never run, however long this takes.
    for (let at = 0; at < 200_000 && !ran; at++) await index.search(row(data, DIM, at % ROWS))
    ok(ran, 'expected a timer of 1 ms to run among 200,000 searches, it did not')
  },
}

/** A page's thread may not block; everything else may. */
export const blocking = ({ runtime }: Env) =>
  !runtime.startsWith('chromium') && !runtime.startsWith('firefox')

const noBlocking: Case = {
  name: 'a page is told that it cannot block',
  when: (env) => !blocking(env),
  async run(env) {
    await using index = await build(env, clustered(50, 4, 1), { dim: 4 })
    try {
      index.searchSync(new Float32Array(4))
    } catch (error) {
      ok(error instanceof env.nearfield.NearfieldError, `expected a NearfieldError, received ${error}`)
      equal(error.code, 'BLOCKING', 'code')
      return
    }
    throw new Error('expected BLOCKING, but the call succeeded')
  },
}

const oddSizes: Case = {
  name: 'k beyond the size gives a short answer, an empty index gives none',
  async run(env) {
    for (const kind of ['flat', 'hnsw'] as const) {
      await using three = await build(env, Float32Array.of(0, 0, 1, 0, 3, 0), { dim: 2, kind })
      const hits = await three.search(Float32Array.of(0, 0), { k: 50 })
      sameList(
        hits.map(({ key }) => key),
        [0, 1, 2],
        `${kind} keys`,
      )
      sameList(
        hits.map(({ distance }) => distance),
        [0, 1, 9],
        `${kind} distances`,
      )
      const batch = await three.searchBatch(Float32Array.of(0, 0, 3, 0), { k: 50 })
      sameList(batch.counts, [3, 3], `${kind} batch counts`)
      sameList(
        batch.row(1).map(({ key }) => key),
        [2, 1, 0],
        `${kind} batch keys`,
      )
      await using none = await build(env, new Float32Array(0), { dim: 2, kind })
      equal(none.size, 0, `${kind} size`)
      equal((await none.search(Float32Array.of(1, 1))).length, 0, `${kind} answers of an empty index`)
      equal(
        (await none.searchBatch(Float32Array.of(1, 1))).counts[0],
        0,
        `${kind} batch answers of an empty index`,
      )
      const bytes = await none.toBytes()
      await using again = await env.nearfield.openIndex(bytes, { backend: env.backend })
      equal((await again.search(Float32Array.of(1, 1))).length, 0, `${kind} answers after reopening`)
    }
  },
}

const ties: Case = {
  name: 'ties order by slot; a zero vector under cosine is 1 from everything',
  async run(env) {
    const grid = Float32Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? (i / 2) % 5 : 0))
    for (const kind of ['flat', 'hnsw'] as const) {
      await using index = await build(env, grid, { dim: 2, kind })
      const hits = await index.search(Float32Array.of(2, 0), { k: 120 })
      const truth = nearest('l2', grid, 2, Float32Array.of(2, 0), 120)
      sameList(
        hits.map(({ key }) => key),
        truth.map(({ slot }) => slot),
        `${kind} keys`,
      )
    }
    await using index = await build(env, Float32Array.of(0, 0, 3, 0, 0, -2), {
      dim: 2,
      kind: 'flat',
      metric: 'cosine',
    })
    const hits = await index.search(Float32Array.of(5, 0), { k: 3 })
    sameList(
      hits.map(({ key }) => key),
      [1, 0, 2],
      'cosine keys',
    )
    for (const { distance } of await index.search(Float32Array.of(0, 0), { k: 3 }))
      equal(distance, 1, 'distance')
  },
}

const copies: Case = {
  name: 'every vector finds itself: 2,000 copies of one and 200 distinct ones',
  async run(env) {
    const dim = 16
    const data = new Float32Array(2200 * dim)
    const distinct = clustered(201, dim, 33, 201)
    for (let i = 0; i < 2200; i++)
      data.set(row(distinct, dim, i % 11 === 10 ? 1 + (i - 10) / 11 : 0), i * dim)
    await using index = await build(env, data, { dim, kind: 'hnsw' })
    const batch = await index.searchBatch(data, { k: 1 })
    for (let i = 0; i < 2200; i++) {
      equal(batch.distances[i], 0, `distance of row ${i} to its nearest`)
      if (i % 11 === 10) equal(Number(batch.keys[i]), i, `key nearest to the distinct row ${i}`)
    }
    const crowd = await index.search(row(distinct, dim, 0), { k: 2000 })
    equal(new Set(crowd.map(({ key }) => key)).size, 2000, 'copies found')
    equal(crowd.filter(({ distance }) => distance === 0).length, 2000, 'copies at distance 0')
  },
}

const everyVector: Case = {
  name: 'every vector of an hnsw index finds itself',
  async run(env) {
    for (const [dim, centres, codec] of [
      [DIM, 6, 'sq8'],
      [72, 300, 'sq4'],
    ] as const) {
      const data = clustered(ROWS, dim, 12, centres)
      await using index = await build(env, data, { dim, kind: 'hnsw' })
      equal(index.stats().codec, codec, `codec that auto chose for ${dim} numbers`)
      const batch = await index.searchBatch(data, { k: 1 })
      for (let i = 0; i < ROWS; i++)
        equal(batch.distances[i], 0, `distance of row ${i} of ${dim} numbers to its nearest`)
    }
  },
}

const keys: Case = {
  name: 'keys: rows, numbers and strings come back, also from a file',
  async run(env) {
    const data = clustered(300, 8, 5)
    const numbers = Array.from({ length: 300 }, (_, i) => (i % 2 ? -1 : 1) * (Number.MAX_SAFE_INTEGER - i))
    const text = Array.from({ length: 300 }, (_, i) => (i === 7 ? '' : `clé-${i}-漢字-🎈`))
    for (const given of [undefined, numbers, text]) {
      await using index = await build(env, data, { dim: 8, kind: 'hnsw', ...(given ? { keys: given } : {}) })
      await using again = await env.nearfield.openIndex(await index.toBytes(), { backend: env.backend })
      const next = randomSource(2)
      for (let i = 0; i < 40; i++) {
        const slot = next() % 300
        const expected = given ? given[slot] : slot
        equal((await index.search(row(data, 8, slot), { k: 1 }))[0]?.key, expected, `key of slot ${slot}`)
        equal(
          (await again.search(row(data, 8, slot), { k: 1 }))[0]?.key,
          expected,
          `key of slot ${slot} after reopening`,
        )
      }
    }
  },
}

const shapes: Case = {
  name: 'vectors in every accepted shape make the same index, and stay the caller’s',
  async run(env) {
    const data = clustered(200, 6, 3)
    const before = data.slice()
    const rows = Array.from({ length: 200 }, (_, i) => row(data, 6, i))
    const offset = new Float32Array(200 * 6 + 5)
    offset.set(data, 5)
    const forms = [data, rows, rows.map((r) => [...r]), { data, dims: [200, 6] }, offset.subarray(5)]
    let first: Uint8Array | undefined
    for (const form of forms) {
      await using index = await build(env, form as Float32Array, { dim: 6, kind: 'hnsw' })
      const bytes = await index.toBytes()
      first ??= bytes
      sameList(bytes, first, 'file')
    }
    sameList(data, before, 'the caller’s vectors')
  },
}

export const searchCases: readonly Case[] = [
  ...METRICS.flatMap((metric) => [
    exactCase(metric, { kind: 'flat' }),
    exactCase(metric, { kind: 'hnsw', codec: 'f32' }),
    exactCase(metric, { kind: 'hnsw', codec: 'sq8' }),
    exactCase(metric, { kind: 'hnsw', codec: 'sq4' }),
  ]),
  forms,
  timersRun,
  changingInputs,
  noBlocking,
  oddSizes,
  ties,
  copies,
  everyVector,
  keys,
  shapes,
]
