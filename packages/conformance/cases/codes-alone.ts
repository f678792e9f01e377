/** Answers by codes alone: `rerank: false`, and indexes that keep no vectors. */
import { equal, near, ok, refuses, sameBytes, sameList } from '../assert.ts'
import type { Case, Env } from '../suite.ts'
import { clustered, METRICS, nearest, row } from './data.ts'
import { blocking } from './search.ts'

const ROWS = 3000
const DIM = 72
const QUERIES = 50
const K = 10

function sets() {
  const all = clustered(ROWS + QUERIES, DIM, 41)
  return { data: all.slice(0, ROWS * DIM), queries: all.slice(ROWS * DIM) }
}

async function build(env: Env, data: Float32Array, options: object) {
  const how = { backend: env.backend, dim: DIM, kind: 'hnsw', ...options }
  return env.nearfield.buildIndex(data, how as never)
}

const byCodes: Case = {
  name: 'rerank false: answers and distances by codes, against exhaustion in f64',
  async run(env) {
    const { data, queries } = sets()
    for (const metric of METRICS) {
      for (const [codec, least] of [
        ['sq8', 0.95],
        ['sq4', 0.65],
      ] as const) {
        await using index = await build(env, data, { metric, codec })
        const batch = await index.searchBatch(queries, { k: K, rerank: false })
        const keys = new Uint32Array(K)
        const distances = new Float32Array(K)
        let found = 0
        for (let q = 0; q < QUERIES; q++) {
          const query = row(queries, DIM, q)
          const truth = nearest(metric, data, DIM, query, ROWS)
          const right = new Set(truth.slice(0, K).map(({ slot }) => slot))
          const away = new Map(truth.map(({ slot, distance }) => [slot, distance]))
          const hits = await index.search(query, { k: K, rerank: false })
          equal(JSON.stringify(batch.row(q)), JSON.stringify(hits), `${metric} ${codec}, batch row ${q}`)
          if (blocking(env)) {
            equal(index.searchInto(query, keys, distances, { rerank: false }), K, 'answers')
            sameList(
              keys,
              hits.map(({ key }) => key),
              `keys of query ${q}`,
            )
          }
          for (const { key, distance } of hits) {
            if (right.has(Number(key))) found++
            // Sixteen levels a number tell a distance to a tenth or so, 255 to a hundredth.
            near(distance, away.get(Number(key))!, codec === 'sq8' ? 0.2 : 2, `${metric} ${codec}, distance`)
          }
          if (q === 0) {
            const told = await index.explain(query, { k: K, rerank: false })
            equal(told.distances.byVector, 0, 'vectors read')
            equal(told.rerank, false, 'rerank')
          }
        }
        const recall = found / (QUERIES * K)
        ok(recall >= least, `${metric} ${codec}: expected recall@10 of ${least}, received ${recall}`)
        near(
          await index.recall(queries, { k: K, rerank: false }),
          recall,
          0.005,
          `${metric} ${codec}, recall()`,
        )
        const tuned = await index.tune(queries, { k: K, recall: recall - 0.05, rerank: false })
        ok(tuned.reached, `tune says ${JSON.stringify(tuned)}`)
        equal(
          await index.recall(queries, { k: K, ef: tuned.ef, rerank: false }),
          tuned.recall,
          'tuned recall',
        )
      }
    }
  },
}

const alone: Case = {
  name: 'keepVectors false: codes and links only, the same answers by codes, and clear refusals',
  async run(env) {
    const { data, queries } = sets()
    const keys = Array.from({ length: ROWS }, (_, i) => i * 2)
    for (const codec of ['sq8', 'sq4'] as const) {
      await using whole = await build(env, data, { metric: 'cosine', codec, keys })
      await using index = await build(env, data, { metric: 'cosine', codec, keys, keepVectors: false })
      const stats = index.stats()
      equal(stats.vectors, false, 'stats().vectors')
      equal(whole.stats().vectors, true, 'stats().vectors with them')
      equal(stats.vectorBytes, ROWS * 80 * 4, 'bytes saved')
      const bytes = await index.toBytes()
      equal(bytes.length, stats.bytes, 'bytes')
      const less = whole.stats().bytes - stats.bytes
      ok(less >= stats.vectorBytes && less < stats.vectorBytes * 1.01, `the file is ${less} bytes shorter`)
      await using again = await env.nearfield.openIndex(bytes, { backend: env.backend })
      equal(again.stats().vectors, false, 'stats().vectors, opened')
      sameBytes(await again.toBytes(), bytes, 'saved again')
      await index.check()
      await again.check()
      for (let q = 0; q < QUERIES; q++) {
        const query = row(queries, DIM, q)
        for (const exact of [false, true]) {
          const expected = JSON.stringify(await whole.search(query, { k: K, exact, rerank: false }))
          const plain = exact ? { k: K, exact, rerank: false } : { k: K }
          equal(JSON.stringify(await index.search(query, plain)), expected, `${codec}, query ${q}`)
          equal(JSON.stringify(await again.search(query, plain)), expected, `${codec} opened, query ${q}`)
        }
      }
    }
  },
}

const refusals: Case = {
  name: 'without vectors, what needs them says so',
  async run(env) {
    const { data, queries } = sets()
    const query = row(queries, DIM, 0)
    await using index = await build(env, data, { keepVectors: false })
    const { chosen } = index.stats()
    ok(/^sq8: these codes alone find [01]\.\d+ of sampled/.test(String(chosen)), `chosen: ${chosen}`)
    const needs = /needs vectors: expected an index that keeps them.* built with keepVectors false/
    const { nearfield } = env
    await refuses(nearfield, 'OPTION', needs, () => index.search(query, { exact: true }))
    await refuses(nearfield, 'OPTION', needs, () => index.search(query, { rerank: true }))
    await refuses(nearfield, 'OPTION', needs, () => index.recall(queries))
    await refuses(nearfield, 'OPTION', needs, () => index.tune(queries, { recall: 0.9 }))
    await refuses(nearfield, 'OPTION', needs, () => index.add(query))
    await refuses(nearfield, 'OPTION', needs, () => index.toBytes({ format: 'hnswlib' }))
    equal((await index.search(query)).length, 10, 'answers as before')
    equal(index.size, ROWS, 'rows as before')
    const place = { backend: env.backend, dim: DIM }
    await refuses(nearfield, 'OPTION', /keepVectors must be true for an index that takes rows/, () =>
      nearfield.createIndex({ ...place, keepVectors: false }),
    )
    await refuses(nearfield, 'OPTION', /codec must be one of 'auto', 'sq8', 'sq4'/, () =>
      nearfield.buildIndex(data, { ...place, codec: 'f32', keepVectors: false }),
    )
    await refuses(
      nearfield,
      'OPTION',
      /codec must be one of 'sq8', 'sq4', 'bits1', 'bits2', 'pq4', 'pq8' for kind 'flat'/,
      () => nearfield.buildIndex(data, { ...place, kind: 'flat', keepVectors: false } as never),
    )
  },
}

export const codesAloneCases: readonly Case[] = [byCodes, alone, refusals]
