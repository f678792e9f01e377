/** Kind `auto`: what it becomes by rows, by what is asked for and by memory, and that it says so. */
import { equal, ok, refuses, sameList } from '../assert.ts'
import type { Case, Env } from '../suite.ts'
import { clustered, nearest, row } from './data.ts'

const DIM = 24
const QUERIES = 40
const K = 10

async function build(env: Env, data: Float32Array, options: object = {}) {
  return env.nearfield.buildIndex(data, { backend: env.backend, dim: DIM, ...options } as never)
}

const byRows: Case = {
  name: 'auto: a scan, a scan of bits, then a graph, each with its reason',
  async run(env) {
    const all = clustered(20_001 + QUERIES, DIM, 61, 100)
    for (const [rows, kind, codec, why] of [
      [1000, 'flat', 'f32', /^flat: 1000 rows are at most 1000$/],
      [4000, 'flat', 'bits2', /^flat: 4000 rows are at most 20000; bits2: .* find \d\.\d+ of sampled/],
      [20_001, 'hnsw', 'sq8', /^hnsw: 20001 rows are more than 20000; sq8: /],
    ] as const) {
      const data = all.subarray(0, rows * DIM)
      await using index = await build(env, data)
      const stats = index.stats()
      sameList([stats.kind, stats.codec], [kind, codec], `${rows} rows: ${stats.chosen}`)
      ok(why.test(String(stats.chosen)), `${rows} rows: ${stats.chosen}`)
      let hit = 0
      for (let q = 0; q < QUERIES; q++) {
        const query = row(all, DIM, 20_001 + q)
        const truth = new Set(nearest('l2', data, DIM, query, K).map(({ slot }) => slot))
        // `ef` is for the graph it may have become, and no mistake where it did not.
        for (const { key } of await index.search(query, { k: K, ef: 100 }))
          hit += Number(truth.has(Number(key)))
      }
      ok(hit / (QUERIES * K) >= 0.99, `${rows} rows: recall ${hit / (QUERIES * K)}`)
    }
    await using graph = await build(env, all.subarray(0, 2000 * DIM), { M: 8 })
    equal(graph.kind, 'hnsw', 'kind where M is given')
    await using made = await env.nearfield.createIndex({ dim: DIM, backend: env.backend })
    equal(made.kind, 'hnsw', 'kind of an index made to take rows')
  },
}

const byMemory: Case = {
  name: 'auto: with little memory links go first, then vectors',
  async run(env) {
    const rows = 3000
    const data = clustered(rows, DIM, 62)
    await using rich = await build(env, data, { memory: rows * 400 })
    equal(rich.stats().vectors, true, 'vectors')
    await using poor = await build(env, data, { memory: rows * 100 })
    const { kind, vectors, refine, bytes, chosen } = poor.stats()
    sameList([kind, vectors, refine], ['flat', false, 'sq8'], String(chosen))
    ok(bytes < rows * 120, `${bytes} bytes`)
    const why = String(chosen)
    ok(/without links and vectors: about \d+ bytes are more than memory 300000$/.test(why), why)
    equal((await poor.search(row(data, DIM, 7), { k: 1 }))[0]!.key, 7, 'a row by itself')
    await refuses(
      env.nearfield,
      'OPTION',
      /memory must be at least \d+ for 3000 rows of 24 numbers, got 9/,
      () => build(env, data, { memory: 9 }),
    )
    await refuses(env.nearfield, 'OPTION', /memory belongs to kind 'auto'/, () =>
      build(env, data, { kind: 'hnsw', memory: 9 }),
    )
    await refuses(env.nearfield, 'OPTION', /memory must be left out/, () =>
      env.nearfield.createIndex({ dim: DIM, memory: 9, backend: env.backend }),
    )
  },
}

export const autoCases: readonly Case[] = [byRows, byMemory]
