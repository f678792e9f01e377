/** Rows that come later: batches, refusals that change nothing, searches and saving meanwhile. */
import { equal, near, ok, refuses, sameBytes, sameList } from '../assert.ts'
import type { Case, Env } from '../suite.ts'
import { clustered, METRICS, nearest, randomSource, row } from './data.ts'

type Made = Awaited<ReturnType<Env['nearfield']['createIndex']>>

const create = (env: Env, options: object): Promise<Made> =>
  env.nearfield.createIndex({ backend: env.backend, ...options } as never)
const build = (env: Env, data: Float32Array, options: object): Promise<Made> =>
  env.nearfield.buildIndex(data, { backend: env.backend, ...options } as never)

/** Adds `data` in batches of so many rows. */
async function addAll(index: Made, data: Float32Array, batch: number, options = {}): Promise<void> {
  const numbers = batch * index.dim
  for (let at = 0; at < data.length; at += numbers) {
    await index.add(data.subarray(at, at + numbers), options)
  }
}

const empty: Case = {
  name: 'createIndex is empty, answers nothing, and takes one row',
  async run(env) {
    for (const kind of ['auto', 'flat', 'hnsw']) {
      await using index = await create(env, { dim: 3, kind })
      equal(index.size, 0, 'size')
      equal(index.kind, kind === 'flat' ? 'flat' : 'hnsw', 'kind')
      sameList(await index.search([1, 2, 3]), [], 'answers of nothing')
      sameList((await index.searchBatch(new Float32Array(6), { k: 4 })).counts, [0, 0], 'counts of nothing')
      await index.check()
      const none = await index.add([])
      equal(none.added, 0, 'an empty batch')
      const { added, first } = await index.add([[1, 2, 3]])
      sameList([added, first, index.size], [1, 0, 1], 'one row')
      const [hit] = await index.search([1, 2, 2])
      sameList([hit?.key, hit?.distance], [0, 1], 'its hit')
      equal((await index.add([new Float32Array(3), [4, 5, 6]])).first, 1, 'the first of two more')
      equal(index.stats().size, 3, 'size told')
      await index.check()
    }
  },
}

const batches: Case = {
  name: 'rows added in batches are found, as those of a build are',
  async run(env) {
    const dim = 24
    const data = clustered(2600, dim, 31)
    data.copyWithin(900 * dim, 100 * dim, 160 * dim) // copies within a batch and across
    for (const metric of METRICS) {
      await using index = await create(env, { dim, metric })
      await addAll(index, data, 650)
      equal(index.size, 2600, 'size')
      await index.check()
      const queries = data.slice(0, 300 * dim)
      const recall = await index.recall(queries, { ef: 100 })
      ok(recall >= 0.99, `${metric}: recall ${recall}`)
      if (metric === 'ip') continue // a larger row may be nearer than the row itself
      const found = await index.searchBatch(data, { k: 1 })
      for (let i = 0; i < 2600; i++) near(found.distances[i]!, 0, 1e-5, `${metric}: row ${i} by itself`)
    }
  },
}

const oneByOne: Case = {
  name: 'rows added one by one are found, and so is a copy',
  async run(env) {
    const dim = 8
    const data = clustered(120, dim, 7)
    await using index = await create(env, { dim, kind: 'hnsw', M: 4, efConstruction: 20 })
    await addAll(index, data, 1)
    for (let i = 0; i < 120; i++) {
      const [hit] = await index.search(row(data, dim, i))
      equal(hit?.distance, 0, `row ${i}`)
    }
    const { first } = await index.add(row(data, dim, 5).slice())
    sameList(
      (await index.search(row(data, dim, 5), { k: 2 })).map(({ key }) => key),
      [5, first],
      'a row and its copy',
    )
  },
}

const onTop: Case = {
  name: 'add works on built and opened indexes, and files of grown indexes open with the same answers',
  async run(env) {
    const dim = 16
    const data = clustered(1800, dim, 5)
    const [old, more] = [data.slice(0, 1200 * dim), data.slice(1200 * dim)]
    for (const kind of ['flat', 'hnsw']) {
      const options = { dim, kind, metric: 'cosine', seed: 3 }
      await using built = await build(env, old, options)
      await using opened = await env.nearfield.openIndex(await built.toBytes(), { backend: env.backend })
      for (const index of [built, opened]) sameList(Object.values(await index.add(more)), [600, 1200], kind)
      const bytes = await built.toBytes()
      sameBytes(await opened.toBytes(), bytes, `${kind}: grown from a file`)
      await built.check()
      await using again = await env.nearfield.openIndex(bytes, { backend: env.backend })
      const asked = clustered(50, dim, 77)
      const [a, b] = [await built.searchBatch(asked, { k: 10 }), await again.searchBatch(asked, { k: 10 })]
      sameList(b.keys, a.keys, `${kind}: keys after opening`)
      sameList(b.distances, a.distances, `${kind}: distances after opening`)
      const exact = await built.searchBatch(asked, { k: 3, exact: true })
      const truth = nearest('cosine', data, dim, row(asked, dim, 0), 3)
      for (const [i, { distance }] of truth.entries())
        near(exact.distances[i]!, distance, 1e-5, `${kind}: exact ${i}`)
    }
  },
}

const mapped: Case = {
  name: 'add thaws a mapped file, which stays as it is',
  when: ({ disk, backend }) => disk !== null && backend === 'native',
  async run(env) {
    const dim = 12
    const data = clustered(1500, dim, 9)
    await using built = await build(env, data.slice(0, 1400 * dim), { dim, kind: 'hnsw' })
    const path = env.disk!.path('grown.nfx')
    await built.save(path)
    const before = await env.disk!.read(path)
    await using index = await env.nearfield.openIndex(path, { backend: env.backend, mode: 'mapped' })
    await index.add(data.slice(1400 * dim))
    await index.check()
    sameBytes(await env.disk!.read(path), before, 'the mapped file')
    const [hit] = await index.search(row(data, dim, 1450))
    sameList([hit?.key, hit?.distance], [1450, 0], 'a row added to a map')
  },
}

const sameForThreads: Case = {
  name: 'batches give the same bytes for 1 and 2 threads',
  when: ({ backend }) => backend !== 'wasm',
  async run(env) {
    const data = clustered(3000, 24, 21)
    for (const codec of ['f32', 'sq8', 'sq4']) {
      const files: Uint8Array[] = []
      for (const threads of [1, 2]) {
        await using index = await create(env, { dim: 24, codec, threads, seed: 4 })
        await addAll(index, data, 1100)
        files.push(await index.toBytes())
      }
      sameBytes(files[1]!, files[0]!, `${codec}: 2 threads against 1`)
    }
  },
}

const refusals: Case = {
  name: 'a batch that is refused changes nothing',
  async run(env) {
    const dim = 4
    const { nearfield } = env
    const data = clustered(1300, dim, 13)
    const numbers = Float64Array.from({ length: 1300 }, (_, i) => i * 2)
    await using index = await create(env, { dim, kind: 'hnsw', codec: 'sq8' })
    await index.add(data, { keys: numbers })
    const before = await index.toBytes()
    const two = new Float32Array(2 * dim)
    const bad = Float32Array.from(two)
    bad[5] = NaN
    const refused: [string, RegExp, Float32Array, object?][] = [
      ['DIMENSION', /multiple of dim = 4/, new Float32Array(6), { keys: [1, 3] }],
      ['NOT_FINITE', /row 1, column 1/, bad, { keys: [1, 3] }],
      ['KEY', /keys of this index are numbers, the batch has none/, two],
      ['KEY', /the batch has text/, two, { keys: ['a', 'b'] }],
      ['KEY', /key 4 of row 1 is taken: row 2/, two, { keys: [1, 4] }],
      ['KEY', /must differ/, two, { keys: [1, 1] }],
      ['KEY', /expected 2 keys/, two, { keys: [1] }],
      ['OPTION', /unknown option 'M'/, two, { M: 3 }],
    ]
    for (const [code, says, vectors, options] of refused) {
      await refuses(nearfield, code, says, () => index.add(vectors, options as never))
    }
    sameBytes(await index.toBytes(), before, 'after refusals')
    equal(index.size, 1300, 'size')
    await index.add(two, { keys: [1, 3] })
    equal((await index.search(two.subarray(0, dim), { k: 1 }))[0]?.key, 1, 'the next batch is in')
  },
}

const aborts: Case = {
  name: 'an aborted batch changes nothing, and the next one is as if it had never been',
  async run(env) {
    const dim = 16
    const data = clustered(3000, dim, 17)
    const [old, more] = [data.slice(0, 1400 * dim), data.slice(1400 * dim)]
    await using index = await create(env, { dim, kind: 'hnsw' })
    await using other = await create(env, { dim, kind: 'hnsw' })
    await index.add(old)
    await other.add(old)
    const before = await index.toBytes()
    for (const phase of ['prepare', 'link', 'repair']) {
      const control = new AbortController()
      let stopped: unknown
      const onProgress = (progress: { phase: string; done: number }) => {
        if (progress.phase === phase && progress.done > 0) control.abort(new Error(phase))
      }
      await index
        .add(more, { signal: control.signal, onProgress })
        .catch((error: unknown) => (stopped = error))
      equal((stopped as Error | undefined)?.message, phase, 'the reason')
      sameBytes(await index.toBytes(), before, `aborted while ${phase}`)
    }
    await index.add(more)
    await other.add(more)
    sameBytes(await index.toBytes(), await other.toBytes(), 'after aborted batches')
  },
}

const meanwhile: Case = {
  name: 'searches and saving go on while a batch is added and see it whole or not at all',
  async run(env) {
    const dim = 16
    const data = clustered(5200, dim, 23)
    const [old, more] = [data.slice(0, 1200 * dim), data.slice(1200 * dim)]
    await using index = await create(env, { dim, kind: 'hnsw' })
    await index.add(old)
    const before = await index.toBytes()
    const asked = row(data, dim, 4000)
    const first = await index.search(asked, { k: 20 })
    let done = false
    const adding = index.add(more).finally(() => {
      done = true
    })
    more.fill(0) // a copy was taken
    let asks = 0
    while (!done) {
      const size = index.size
      const found = await index.search(asked, { k: 20 })
      if (found[0]!.key !== 4000)
        sameList(
          found.map(({ key }) => key),
          first.map(({ key }) => key),
          'meanwhile',
        )
      equal(found.length, 20, 'answers')
      if (asks++ === 0) {
        const file = await index.toBytes()
        if (index.size === size && !done) sameBytes(file, before, 'a file meanwhile')
      }
      await new Promise((next) => setTimeout(next))
    }
    await adding
    equal((await index.search(asked))[0]?.distance, 0, 'the row afterwards')
    await index.check()
  },
}

const two: Case = {
  name: 'two adds at once are done one after the other, in the order of the calls',
  async run(env) {
    const dim = 8
    const data = clustered(900, dim, 29)
    await using index = await create(env, { dim })
    const parts = [0, 1, 2].map((part) => data.slice(part * 300 * dim, (part + 1) * 300 * dim))
    const infinite = new Float32Array(dim).fill(Infinity)
    const bad = refuses(env.nearfield, 'NOT_FINITE', /row 0, column 0/, () => index.add(infinite))
    const done = await Promise.all(parts.map((part) => index.add(part)))
    await bad
    sameList(
      done.map(({ first }) => first),
      [0, 300, 600],
      'first rows',
    )
    for (const i of [0, 450, 899]) equal((await index.search(row(data, dim, i)))[0]?.key, i, `row ${i}`)
  },
}

const strings: Case = {
  name: 'string keys grow with the rows and are saved with them',
  async run(env) {
    const dim = 6
    const data = clustered(400, dim, 37)
    const names = Array.from({ length: 400 }, (_, i) => `ключ ${i} 🗝`)
    for (const kind of ['flat', 'hnsw']) {
      await using index = await create(env, { dim, kind })
      for (let at = 0; at < 400; at += 100) {
        const keys = names.slice(at, at + 100)
        await index.add(data.slice(at * dim, (at + 100) * dim), { keys })
      }
      await refuses(env.nearfield, 'KEY', /key 'ключ 7 🗝' of row 0 is taken: row 7/, () =>
        index.add(new Float32Array(dim), { keys: [names[7]!] }),
      )
      await using opened = await env.nearfield.openIndex(await index.toBytes(), { backend: env.backend })
      for (const each of [index, opened]) {
        for (const i of [0, 99, 100, 399]) {
          equal((await each.search(row(data, dim, i)))[0]?.key, names[i], `${kind}: key of row ${i}`)
        }
      }
    }
  },
}

const codecs: Case = {
  name: 'as rows are added auto takes four bits, and a byte where rows are too near to each other',
  async run(env) {
    const dim = 64
    const data = clustered(1800, dim, 57)
    const next = randomSource(58)
    const crowd = Float32Array.from(
      { length: 300 * dim },
      (_, i) => data[i % dim]! + (next() / 2 ** 32) * 0.05,
    )
    await using index = await create(env, { dim, kind: 'hnsw' })
    const codec = (wanted: string, why: RegExp) => {
      const { codec, chosen } = index.stats()
      equal(codec, wanted, String(chosen))
      ok(why.test(String(chosen)), `chosen: ${chosen}`)
    }
    await index.add(data.subarray(0, 600 * dim))
    equal(index.stats().codec, 'f32', 'of few rows')
    await addAll(index, data.subarray(600 * dim), 600)
    codec('sq4', /sq4: codes of sq4 find [01]\.\d+ of sampled rows' neighbours/)
    await index.add(crowd)
    codec('sq8', /sq8: some rows are too near to many others for codes of sq4$/)
    await index.check()
    for (const [rows, from] of [[data, 0] as const, [crowd, 1800] as const]) {
      const found = await index.searchBatch(rows, { k: 1, ef: 100 })
      for (let i = 0; i * dim < rows.length; i++)
        near(found.distances[i]!, 0, 1e-5, `row ${from + i} by itself`)
    }
  },
}

export const addCases: readonly Case[] = [
  empty,
  batches,
  oneByOne,
  onTop,
  mapped,
  sameForThreads,
  codecs,
  refusals,
  aborts,
  meanwhile,
  two,
  strings,
]
