/** Zones and compressed scans: recall beside exhaustion, files, batches, codes alone, and what is refused. */
import { equal, near, ok, refuses, sameBytes, sameList } from '../assert.ts'
import type { Case, Env } from '../suite.ts'
import { clustered, METRICS, nearest, row } from './data.ts'
import { blocking } from './search.ts'

const ROWS = 3000
const DIM = 40
const QUERIES = 40
const K = 10

function sets() {
  const all = clustered(ROWS + QUERIES, DIM, 53)
  return { data: all.slice(0, ROWS * DIM), queries: all.slice(ROWS * DIM) }
}

async function build(env: Env, data: Float32Array, options: object) {
  const how = { backend: env.backend, dim: DIM, kind: 'zones', ...options }
  return env.nearfield.buildIndex(data, how as never)
}

const found: Case = {
  name: 'zones and flat codes: answers of every way to ask are the same, and those of exhaustion',
  async run(env) {
    const { data, queries } = sets()
    for (const metric of METRICS) {
      for (const [options, least] of [
        [{ zones: 20, codec: 'bits2' }, 0.97],
        [{ codec: 'bits1' }, 0.95],
        [{ kind: 'flat', codec: 'bits2' }, 0.97],
        [{ zones: 20, codec: 'bits2', soar: true }, 0.97],
        [{ zones: 20, codec: 'pq4' }, 0.95],
        [{ kind: 'flat', codec: 'pq4', codeNumbers: 2 }, 0.97],
        [{ zones: 20, codec: 'pq8', codeNumbers: 4 }, 0.97],
        [{ kind: 'flat', codec: 'sq8' }, 0.99],
      ] as const) {
        await using index = await build(env, data, { metric, ...options })
        const what = `${metric} ${JSON.stringify(options)}`
        equal(index.stats().codec, options.codec, `${what}, codec`)
        equal(index.stats().soar, 'soar' in options, `${what}, second zones`)
        const zoned = index.kind === 'zones'
        const probes = zoned ? { probes: index.stats().zones! } : {}
        const batch = await index.searchBatch(queries, { k: K, ...probes })
        const keys = new Uint32Array(K)
        const distances = new Float32Array(K)
        let hit = 0
        for (let q = 0; q < QUERIES; q++) {
          const query = row(queries, DIM, q)
          const truth = nearest(metric, data, DIM, query, ROWS)
          const away = new Map(truth.map(({ slot, distance }) => [slot, distance]))
          const right = new Set(truth.slice(0, K).map(({ slot }) => slot))
          const hits = await index.search(query, { k: K, ...probes })
          equal(JSON.stringify(batch.row(q)), JSON.stringify(hits), `${what}, batch row ${q}`)
          if (options.codec !== 'sq8') {
            const shared = await index.search(query, { k: K, ...probes, parallel: true })
            equal(JSON.stringify(shared), JSON.stringify(hits), `${what}, by all threads`)
          }
          if (blocking(env)) {
            equal(index.searchInto(query, keys, distances, probes), K, 'answers')
            sameList(
              keys,
              hits.map(({ key }) => key),
              `keys of query ${q}`,
            )
          }
          for (const { key, distance } of hits) {
            if (right.has(Number(key))) hit++
            near(distance, away.get(Number(key))!, 1e-4, `${what}, distance`)
          }
        }
        ok(hit / (QUERIES * K) >= least, `${what}: recall ${hit / (QUERIES * K)}`)
        await index.check()
      }
    }
  },
}

const walked: Case = {
  name: 'zones with graphs of their own: walked, told, saved and added to',
  async run(env) {
    const [rows, dim] = [5000, 12]
    const all = clustered(rows + 300, dim, 59)
    const data = all.slice(0, rows * dim)
    const options = { dim, zones: 1, inner: 'graph', M: 12, efConstruction: 40 }
    await using index = await build(env, data, options)
    const { graphs, zones, M, refine } = index.stats()
    sameList([graphs, zones, M as number, refine!], [1, 1, 12, 'sq8'], 'stats')
    const queries = all.slice((rows + 250) * dim)
    ok((await index.recall(queries, { k: K })) >= 0.95, 'recall')
    const told = await index.explain(row(queries, dim, 0), { k: K })
    ok(told.scanned! < rows / 2 && told.expanded[0]! > 10, JSON.stringify(told))
    await index.check()
    const file = await index.toBytes()
    await using other = await env.nearfield.openIndex(file, { backend: env.backend })
    sameBytes(await other.toBytes(), file, 'its file')
    for (const each of [index, other]) {
      await each.add(all.slice(rows * dim, (rows + 200) * dim))
      equal(each.stats().graphs, 1, 'graphs')
      for (const added of [0, 100, 199]) {
        const [first] = await each.search(row(all, dim, rows + added), { k: K })
        equal(first!.key, rows + added, 'a row that was added')
      }
      await each.check()
    }
    await refuses(env.nearfield, 'OPTION', /inner 'graph' needs soar false/, () =>
      build(env, data, { dim, inner: 'graph', soar: true }),
    )
  },
}

const fewer: Case = {
  name: 'zones: probes are kept to, tuned, and told',
  async run(env) {
    const { data, queries } = sets()
    await using index = await build(env, data, { zones: 30 })
    const { zones, probes } = index.stats()
    ok(zones! > 10 && zones! <= 30 && probes! >= 1 && probes! <= zones!, `${probes} of ${zones}`)
    const tuned = await index.tune(queries, { recall: 0.9, k: K })
    ok(tuned.reached && tuned.probes! >= 1 && tuned.ef === undefined, JSON.stringify(tuned))
    const recall = await index.recall(queries, { k: K, probes: tuned.probes })
    near(recall, tuned.recall, 1e-9, 'recall of what was tuned')
    const told = await index.explain(row(queries, DIM, 0), { k: K, probes: 3 })
    equal(told.kind, 'zones', 'kind')
    equal(told.probes, 3, 'probes')
    ok(told.scanned! >= told.kept! && told.kept! >= K && told.scanned! < ROWS, JSON.stringify(told))
    sameList(
      Object.keys(told.phases!).sort(),
      ['codes', 'rotate', 'route', 'scan', 'table', 'vectors'],
      'parts of a search',
    )
    await using bits = await build(env, data, { kind: 'flat', codec: 'bits1' })
    const wide = await bits.explain(row(queries, DIM, 0), { k: 100 })
    equal(wide.kept, ROWS, 'rows kept for a hundred answers, in every runtime')
    const parts = Object.values(told.phases!)
    ok(
      parts.every((micros) => micros >= 0 && Number.isFinite(micros)),
      JSON.stringify(told.phases),
    )
    const all = await index.search(row(queries, DIM, 0), { k: K, exact: true })
    const truth = nearest('l2', data, DIM, row(queries, DIM, 0), K)
    sameList(
      all.map(({ key }) => key),
      truth.map(({ slot }) => slot),
      'exact answers',
    )
  },
}

const promised: Case = {
  name: 'zones: a promised recall is kept by every way to ask, and told',
  async run(env) {
    // One cloud, whose rows have their nearest in many zones.
    const all = clustered(ROWS + QUERIES, DIM, 53, 1)
    const [data, queries] = [all.slice(0, ROWS * DIM), all.slice(ROWS * DIM)]
    let suggested = 0
    for (const metric of METRICS) {
      await using index = await build(env, data, { metric, zones: 30 })
      await using opened = await env.nearfield.openIndex(await index.toBytes(), { backend: env.backend })
      const keys = new Uint32Array(K)
      const distances = new Float32Array(K)
      const truth = Array.from({ length: QUERIES }, (_, q) => {
        const answers = nearest(metric, data, DIM, row(queries, DIM, q), K)
        return new Set(answers.map(({ slot }) => slot))
      })
      let before = 0
      for (const recall of [0.6, 0.9, 0.99]) {
        const how = { k: K, probes: 'auto', recall } as const
        const what = `${metric}, ${recall}`
        const batch = await index.searchBatch(queries, how)
        let hit = 0
        let scanned = 0
        for (let q = 0; q < QUERIES; q++) {
          const query = row(queries, DIM, q)
          const hits = await index.search(query, how)
          equal(JSON.stringify(batch.row(q)), JSON.stringify(hits), `${what}, batch row ${q}`)
          equal(JSON.stringify(await opened.search(query, how)), JSON.stringify(hits), `${what}, opened`)
          const shared = await index.search(query, { ...how, parallel: true })
          equal(JSON.stringify(shared), JSON.stringify(hits), `${what}, by all threads`)
          if (blocking(env)) {
            equal(index.searchInto(query, keys, distances, how), K, 'answers')
            sameList(
              keys,
              hits.map(({ key }) => key),
              `keys of query ${q}`,
            )
          }
          for (const { key } of hits) if (truth[q]!.has(Number(key))) hit++
          const told = await index.explain(query, how)
          near(told.promise!.recall, recall, 1e-6, `${what}, promise`)
          ok(told.promise!.left! < told.promise!.least!, JSON.stringify(told.promise))
          scanned += told.scanned!
        }
        const found = hit / (QUERIES * K)
        // Of so few questions the average is no surer.
        ok(found >= recall - 0.02 - 0.2 * (1 - recall), `${what}: ${found}`)
        near(await index.recall(queries, how), found, 0.01, `${what}, as it measures itself`)
        ok(scanned > before && scanned <= QUERIES * ROWS, `${what}: ${scanned} rows`)
        before = scanned
      }
      const { auto, probes } = await index.tune(queries, { recall: 0.9, k: K })
      if (!auto) continue
      suggested++
      const how = { k: K, probes: 'auto', recall: auto.recall } as const
      near(await index.recall(queries, how), auto.found, 1e-9, `${metric}, what a tuned promise finds`)
      let rows = 0
      for (let q = 0; q < QUERIES; q++) {
        const query = row(queries, DIM, q)
        const [told, fixed] = [await index.explain(query, how), await index.explain(query, { k: K, probes })]
        rows += told.scanned! - fixed.scanned!
      }
      ok(auto.found >= 0.9 && auto.rows < 1 && rows < 0, `${metric}: ${JSON.stringify(auto)}, ${rows}`)
    }
    ok(suggested > 0, 'a promise that scans fewer rows')
    await using index = await build(env, data, { zones: 30 })
    const told = await index.explain(row(queries, DIM, 0), { probes: 'auto' })
    near(told.promise!.recall, 0.95, 1e-6, 'what is promised unless another is')
    equal((await index.explain(row(queries, DIM, 0))).promise, null, 'no promise')
  },
}

const files: Case = {
  name: 'zones: the same file for any threads, and opened it answers the same',
  async run(env) {
    const { data, queries } = sets()
    for (const options of [
      { codec: 'bits1' },
      { codec: 'bits2', metric: 'cosine', keepVectors: false },
      { codec: 'pq4', refine: 'none' },
      { codec: 'pq8', metric: 'cosine', keepVectors: false },
    ]) {
      await using index = await build(env, data, { zones: 25, ...options })
      const bytes = await index.toBytes()
      if (env.backend !== 'wasm') {
        await using single = await build(env, data, { zones: 25, ...options, threads: 1 })
        sameBytes(await single.toBytes(), bytes, 'one thread against all')
      }
      await using opened = await env.nearfield.openIndex(bytes, { backend: env.backend })
      sameBytes(await opened.toBytes(), bytes, 'written again')
      for (let q = 0; q < QUERIES; q++) {
        const query = row(queries, DIM, q)
        const answers = [await index.search(query), await opened.search(query)]
        equal(JSON.stringify(answers[1]), JSON.stringify(answers[0]), `answers to query ${q}`)
      }
    }
  },
}

const alone: Case = {
  name: 'zones: codes alone answer, and what needs vectors says so',
  async run(env) {
    const { data, queries } = sets()
    await using index = await build(env, data, { keepVectors: false })
    const { refine, vectors, vectorBytes, bytes } = index.stats()
    sameList([refine, vectors], ['sq8', false], 'what is kept')
    ok(bytes < vectorBytes * 0.75, `${bytes} bytes instead of ${vectorBytes}`)
    let hit = 0
    for (let q = 0; q < QUERIES; q++) {
      const query = row(queries, DIM, q)
      const truth = new Set(nearest('l2', data, DIM, query, K).map(({ slot }) => slot))
      for (const { key } of await index.search(query, { k: K, probes: 1000 }))
        hit += Number(truth.has(Number(key)))
    }
    ok(hit / (QUERIES * K) >= 0.9, `recall ${hit / (QUERIES * K)}`)
    await refuses(env.nearfield, 'OPTION', /needs vectors/, () => index.add(data.slice(0, DIM)))
    await refuses(env.nearfield, 'OPTION', /needs vectors/, () =>
      index.search(row(queries, DIM, 0), { exact: true }),
    )
  },
}

const grown: Case = {
  name: 'zones: rows added in batches are found',
  async run(env) {
    const { data, queries } = sets()
    await using index = await env.nearfield.createIndex({ dim: DIM, kind: 'zones', backend: env.backend })
    sameList(await index.search(row(queries, DIM, 0)), [], 'answers of nothing')
    for (let at = 0; at < ROWS; at += 750) await index.add(data.subarray(at * DIM, (at + 750) * DIM))
    await index.check()
    const recall = await index.recall(queries, { k: K, probes: 1000 })
    ok(recall >= 0.97, `recall ${recall}`)
    for (let i = 0; i < ROWS; i += 37) {
      const [self] = await index.search(row(data, DIM, i), { k: 1 })
      equal(self?.distance, 0, `row ${i} by itself`)
    }
    await using opened = await env.nearfield.openIndex(await index.toBytes(), { backend: env.backend })
    await opened.add(data.subarray(0, 10 * DIM))
    equal(opened.size, ROWS + 10, 'size')
  },
}

const trained: Case = {
  name: 'zones: trained points are told of, kept in the file, and code what is added',
  async run(env) {
    const { data, queries } = sets()
    const first = 2000 * DIM
    for (const [codec, codeNumbers, expected] of [
      ['pq4', 0, 4],
      ['pq4', 8, 8],
      ['pq8', 0, 8],
      ['pq8', 5, 5],
    ] as const) {
      await using index = await build(env, data.subarray(0, first), { zones: 20, codec, codeNumbers })
      const what = `${codec}, ${expected} numbers a code`
      equal(index.stats().codeNumbers, expected, what)
      const sections = index.stats()['sections'] as { name: string; bytes: number }[]
      const points = sections.find(({ name }) => name === 'points')?.bytes
      equal(points, DIM * (codec === 'pq4' ? 16 : 256) * 4, `${what}: bytes of points`)
      await index.add(data.subarray(first))
      await index.check()
      const recall = await index.recall(queries, { k: K, probes: 1000 })
      ok(recall >= 0.95, `${what}: recall ${recall}`)
      await using opened = await env.nearfield.openIndex(await index.toBytes(), { backend: env.backend })
      equal(opened.stats().codeNumbers, expected, `${what}, opened`)
      const told = await opened.explain(row(queries, DIM, 0), { k: K, probes: 3 })
      equal(told.codec, codec, 'codec told')
      ok(told.scanned! >= told.kept! && told.kept! >= K, JSON.stringify(told))
    }
    await using bits = await build(env, data, { zones: 20 })
    equal(bits.stats().codeNumbers, null, 'of points that are fixed')
    await refuses(env.nearfield, 'OPTION', /codeNumbers belongs to codec 'pq4' and 'pq8'/, () =>
      build(env, data, { codec: 'bits1', codeNumbers: 4 }),
    )
    await refuses(env.nearfield, 'OPTION', /codeNumbers must be an integer from 0 to 16/, () =>
      build(env, data, { codec: 'pq4', codeNumbers: 17 }),
    )
  },
}

const refusals: Case = {
  name: 'zones: what does not belong to the kind is refused',
  async run(env) {
    const data = clustered(50, DIM, 3)
    await refuses(env.nearfield, 'OPTION', /'auto', 'bits1', 'bits2', 'pq4', 'pq8' for kind 'zones'/, () =>
      build(env, data, { codec: 'sq4' }),
    )
    await refuses(env.nearfield, 'OPTION', /M belongs to kind 'hnsw' and inner 'graph', but/, () =>
      build(env, data, { M: 8 }),
    )
    await using zones = await build(env, data, {})
    await refuses(env.nearfield, 'OPTION', /ef is not for an index of kind zones/, () =>
      zones.search(row(data, DIM, 0), { ef: 50 }),
    )
    await refuses(env.nearfield, 'OPTION', /probes must be an integer/, () =>
      zones.search(row(data, DIM, 0), { probes: 0.5 }),
    )
    for (const [options, why] of [
      [{ probes: 'all' }, /probes must be an integer from 1 to 16777216 or 'auto', received "all"/],
      [{ probes: 'auto', recall: 0.4 }, /recall must be from 0.5 to 0.999, received 0.4/],
      [{ probes: 'auto', recall: '1' }, /recall must be from 0.5 to 0.999, received "1"/],
      [{ probes: 9, recall: 0.9 }, /recall is for probes 'auto', received probes 9/],
      [{ recall: 0.9 }, /recall is for probes 'auto', received probes undefined/],
    ] as const) {
      await refuses(env.nearfield, 'OPTION', why, () => zones.search(row(data, DIM, 0), options as never))
    }
    await using graph = await build(env, data, { kind: 'hnsw' })
    const other = /probes is not for an index of kind hnsw/
    await refuses(env.nearfield, 'OPTION', /parallel is for zones and scans of bits/, () =>
      graph.search(row(data, DIM, 0), { parallel: true }),
    )
    await refuses(env.nearfield, 'OPTION', other, () => graph.search(row(data, DIM, 0), { probes: 2 }))
  },
}

export const zonesCases: readonly Case[] = [
  found,
  walked,
  fewer,
  promised,
  files,
  alone,
  grown,
  trained,
  refusals,
]
