/** What an index tells of its searches: `tune` and `explain`. */
import { equal, ok, refuses, sameList } from '../assert.ts'
import type { Case } from '../suite.ts'
import { clustered, row } from './data.ts'

const ROWS = 3000
const DIM = 24

const tuned: Case = {
  name: 'tune gives the least ef that reaches a recall, and what was measured',
  async run(env) {
    const options = { backend: env.backend, dim: DIM, kind: 'hnsw', M: 6, efConstruction: 30 } as const
    await using index = await env.nearfield.buildIndex(clustered(ROWS, DIM, 31, 300), options)
    const queries = clustered(120, DIM, 32, 300)
    for (const recall of [0.5, 0.9, 0.99, 1]) {
      const found = await index.tune(queries, { recall, k: 10 })
      ok(found.reached && found.recall >= recall, `${recall}: received ${JSON.stringify(found)}`)
      equal(await index.recall(queries, { k: 10, ef: found.ef }), found.recall, 'recall, measured again')
      const ef = found.ef!
      ok(ef >= 10 && ef <= ROWS, `ef ${ef}`)
      if (ef > 10) {
        const before = await index.recall(queries, { k: 10, ef: ef - 1 })
        ok(before < recall, `${recall}: ef ${ef - 1} reaches ${before} too`)
      }
      const order = found.tried.map((tried) => tried.ef!)
      sameList(
        order,
        [...new Set(order)].sort((a, b) => a - b),
        'tried, ascending',
      )
      ok(order.includes(ef), 'what is given was tried')
    }
    const last: number[] = []
    const onProgress = ({ done, total }: { done: number; total: number }) =>
      void last.splice(0, 2, done, total)
    await index.tune(queries, { recall: 0.9, onProgress })
    equal(last[0], last[1], 'progress ends at its total')
    const stop = new AbortController()
    const reason = new Error('enough')
    const error = await index
      .tune(queries, { recall: 1, signal: stop.signal, onProgress: () => stop.abort(reason) })
      .catch((cause) => cause)
    equal(error, reason, 'the reason')
    await using flat = await env.nearfield.buildIndex(clustered(90, DIM, 1), {
      backend: env.backend,
      dim: DIM,
    })
    const exact = await flat.tune(queries, { recall: 1, k: 5 })
    equal(
      JSON.stringify(exact),
      JSON.stringify({ k: 5, ef: 5, recall: 1, reached: true, tried: [{ ef: 5, recall: 1 }] }),
      'flat',
    )
    for (const recall of [0, 1.1, NaN, '0.9', undefined]) {
      await refuses(env.nearfield, 'OPTION', /recall must be above 0 and at most 1/, () =>
        index.tune(queries, { recall: recall as number }),
      )
    }
    await refuses(env.nearfield, 'OPTION', /at least one query/, () =>
      index.tune(new Float32Array(), { recall: 0.9 }),
    )
  },
}

const explained: Case = {
  name: 'explain tells what a search compares, where it walks and how long it takes',
  async run(env) {
    const data = clustered(ROWS, DIM, 33)
    const keys = Array.from({ length: ROWS }, (_, i) => `row ${i}`)
    const build = (options: object) =>
      env.nearfield.buildIndex(data, { backend: env.backend, dim: DIM, keys, ...options } as never)
    for (const codec of ['f32', 'sq8', 'sq4'] as const) {
      await using index = await build({ kind: 'hnsw', codec, M: 8 })
      let before = 0
      for (const ef of [20, 80, 320]) {
        const told = await index.explain(row(data, DIM, 7), { k: 10, ef })
        equal(told.found, 10, 'found')
        equal(told.ef, ef, 'ef')
        equal(told.codec, codec, 'codec')
        equal(told.expanded.length, index.stats().levels, 'levels')
        // Of a walk by codes the vectors judge 4 k + 24 at most.
        const judged = codec === 'f32' ? ef : Math.min(ef, 64)
        equal(told.pool, judged, 'pool')
        const { byCode, byVector } = told.distances
        if (codec !== 'f32') equal(byVector, judged, 'candidates judged by their vectors')
        else equal(byCode, 0, 'codes where there are none')
        const walked = codec === 'f32' ? byVector : byCode
        ok(walked > before && walked < ROWS, `${walked} rows compared, ${before} with less effort`)
        ok(told.expanded[0]! >= ef, `${told.expanded[0]} nodes of level 0 for ef ${ef}`)
        ok(String(told.entry).startsWith('row '), `entry ${told.entry}`)
        ok(told.micros > 0 && Number.isFinite(told.micros), `${told.micros} µs`)
        before = walked
      }
      const scan = await index.explain(row(data, DIM, 7), { exact: true })
      equal(scan.distances.byVector, ROWS, 'a scan compares every row')
      equal(scan.entry, null, 'a scan starts nowhere')
      equal(scan.ef, null, 'a scan has no ef')
    }
    await using flat = await build({ kind: 'flat' })
    const told = await flat.explain(row(data, DIM, 7), { k: 3 })
    equal(
      JSON.stringify([told.distances, told.expanded, told.exact, told.found]),
      JSON.stringify([{ byCode: 0, byVector: ROWS }, [], true, 3]),
      'flat',
    )
    await refuses(env.nearfield, 'DIMENSION', /./, () => flat.explain(new Float32Array(3)))
  },
}

export const measureCases: readonly Case[] = [tuned, explained]
