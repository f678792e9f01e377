/** Bad input: each with the code and the words it gives, and an index that lives on. */
import { equal, ok, refuses } from '../assert.ts'
import type { Case, Env } from '../suite.ts'
import { clustered } from './data.ts'

interface Refusal {
  readonly what: string
  readonly code: string
  readonly says: RegExp
  readonly call: (env: Env) => unknown
}

const four = () => clustered(4, 3, 1)
const build = (env: Env, vectors: unknown, options: object) =>
  env.nearfield.buildIndex(vectors as Float32Array, { backend: env.backend, ...options } as never)
const spoilt = (value: number) => {
  const data = four()
  data[7] = value // row 2, column 1
  return data
}

const refusals: readonly Refusal[] = [
  {
    what: 'vectors that are no whole rows',
    code: 'DIMENSION',
    says: /12|dim/,
    call: (env) => build(env, four(), { dim: 5 }),
  },
  {
    what: 'a row of another length',
    code: 'DIMENSION',
    says: /row 1|expected 2/,
    call: (env) =>
      build(
        env,
        [
          [1, 2],
          [1, 2, 3],
        ],
        {},
      ),
  },
  {
    what: 'NaN',
    code: 'NOT_FINITE',
    says: /row 2/,
    call: (env) => build(env, spoilt(Number.NaN), { dim: 3 }),
  },
  { what: '+∞', code: 'NOT_FINITE', says: /row 2/, call: (env) => build(env, spoilt(Infinity), { dim: 3 }) },
  { what: '−∞', code: 'NOT_FINITE', says: /row 2/, call: (env) => build(env, spoilt(-Infinity), { dim: 3 }) },
  {
    what: 'NaN under hnsw',
    code: 'NOT_FINITE',
    says: /row 2/,
    call: (env) => build(env, spoilt(Number.NaN), { dim: 3, kind: 'hnsw', metric: 'cosine' }),
  },
  { what: 'nothing, without a dimension', code: 'DIMENSION', says: /dim/, call: (env) => build(env, [], {}) },
  {
    what: 'vectors that are text',
    code: 'DIMENSION',
    says: /vectors/,
    call: (env) => build(env, 'vectors', { dim: 3 }),
  },
  { what: 'dim 0', code: 'OPTION', says: /dim/, call: (env) => build(env, four(), { dim: 0 }) },
  { what: 'dim 1.5', code: 'OPTION', says: /dim/, call: (env) => build(env, four(), { dim: 1.5 }) },
  {
    what: 'duplicate number keys',
    code: 'KEY',
    says: /rows? 0 and 3|7/,
    call: (env) => build(env, four(), { dim: 3, keys: [7, 1, 2, 7] }),
  },
  {
    what: 'duplicate string keys',
    code: 'KEY',
    says: /"a"|rows/,
    call: (env) => build(env, four(), { dim: 3, keys: ['a', 'b', 'a', 'c'] }),
  },
  {
    what: 'keys of two sorts',
    code: 'KEY',
    says: /sort|row 1/,
    call: (env) => build(env, four(), { dim: 3, keys: [1, 'b', 3, 4] }),
  },
  {
    what: 'too few keys',
    code: 'KEY',
    says: /expected 4.*received 3/,
    call: (env) => build(env, four(), { dim: 3, keys: [1, 2, 3] }),
  },
  {
    what: 'an unsafe integer as key',
    code: 'KEY',
    says: /safe/,
    call: (env) => build(env, four(), { dim: 3, keys: [2 ** 53, 1, 2, 3] }),
  },
  {
    what: 'an unknown option',
    code: 'OPTION',
    says: /efConstuction[\s\S]*efConstruction/,
    call: (env) => build(env, four(), { dim: 3, kind: 'hnsw', efConstuction: 9 }),
  },
  {
    what: 'an unknown metric',
    code: 'OPTION',
    says: /l2/,
    call: (env) => build(env, four(), { dim: 3, metric: 'euclid' }),
  },
  {
    what: 'an unknown kind',
    code: 'OPTION',
    says: /hnsw/,
    call: (env) => build(env, four(), { dim: 3, kind: 'ivf' }),
  },
  {
    what: 'M that is text',
    code: 'OPTION',
    says: /M/,
    call: (env) => build(env, four(), { dim: 3, kind: 'hnsw', M: '16' }),
  },
  {
    what: 'M 0',
    code: 'OPTION',
    says: /M/,
    call: (env) => build(env, four(), { dim: 3, kind: 'hnsw', M: 0 }),
  },
  {
    what: 'a negative seed',
    code: 'OPTION',
    says: /seed/,
    call: (env) => build(env, four(), { dim: 3, seed: -1 }),
  },
  {
    what: 'threads −1',
    code: 'OPTION',
    says: /threads/,
    call: (env) => build(env, four(), { dim: 3, threads: -1 }),
  },
  {
    what: 'an unknown backend',
    code: 'OPTION',
    says: /backend/,
    call: (env) => build(env, four(), { dim: 3, backend: 'gpu' }),
  },
  {
    what: 'a file of text',
    code: 'FORMAT',
    says: /./,
    call: (env) =>
      env.nearfield.openIndex(
        new TextEncoder().encode(
          '#!/bin/sh\necho not an index, and long enough to hold a header of 128 bytes ……………………………………………………………………………………\n',
        ),
        { backend: env.backend },
      ),
  },
  {
    what: 'no bytes at all',
    code: 'FORMAT',
    says: /./,
    call: (env) => env.nearfield.openIndex(new Uint8Array(0), { backend: env.backend }),
  },
  {
    what: 'a PNG',
    code: 'FORMAT',
    says: /./,
    call: (env) =>
      env.nearfield.openIndex(
        Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, ...new Uint8Array(500)),
        { backend: env.backend },
      ),
  },
  {
    what: 'an unknown option of openIndex',
    code: 'OPTION',
    says: /mapped/,
    call: (env) =>
      env.nearfield.openIndex(new Uint8Array(0), { backend: env.backend, mapped: true } as never),
  },
]

const atTheDoor: readonly Case[] = refusals.map(({ what, code, says, call }) => ({
  name: `refused: ${what} → ${code}`,
  run: (env) => refuses(env.nearfield, code, says, () => call(env)),
}))

const ofSearch: Case = {
  name: 'refused by search, and the index answers on',
  async run(env) {
    const { nearfield } = env
    await using index = await build(env, clustered(500, 3, 1), { dim: 3, kind: 'hnsw' })
    const query = Float32Array.of(1, 0, 0)
    const before = await index.search(query)
    await refuses(nearfield, 'DIMENSION', /expected 3.*received 2/, () => index.search(Float32Array.of(1, 2)))
    await refuses(nearfield, 'DIMENSION', /3/, () => index.search(new Float32Array(0)))
    await refuses(nearfield, 'DIMENSION', /3/, () => index.searchBatch(new Float32Array(4)))
    await refuses(nearfield, 'NOT_FINITE', /./, () => index.search(Float32Array.of(1, Number.NaN, 0)))
    await refuses(nearfield, 'NOT_FINITE', /1/, () =>
      index.searchBatch(Float32Array.of(0, 0, 0, 0, Infinity, 0)),
    )
    await refuses(nearfield, 'OPTION', /k/, () => index.search(query, { k: 0 }))
    await refuses(nearfield, 'OPTION', /k/, () => index.search(query, { k: 1.5 }))
    await refuses(nearfield, 'OPTION', /k/, () => index.search(query, { k: '3' } as never))
    await refuses(nearfield, 'OPTION', /ef/, () => index.search(query, { ef: -1 }))
    await refuses(nearfield, 'OPTION', /efSearch/, () => index.search(query, { efSearch: 3 } as never))
    const after = await index.search(query)
    equal(JSON.stringify(after), JSON.stringify(before), 'answers after the refusals')
  },
}

const closed: Case = {
  name: 'a closed index says CLOSED, closing twice is harmless',
  async run(env) {
    const { nearfield } = env
    const index = await build(env, clustered(50, 3, 1), { dim: 3 })
    const pending = index.search(Float32Array.of(0, 0, 0)).then(
      () => 'answered',
      (error: unknown) =>
        error instanceof nearfield.NearfieldError && error.code === 'CLOSED' ? 'answered' : String(error),
    )
    await index.close()
    equal(await pending, 'answered', 'a search under way while closing')
    await index.close()
    await refuses(nearfield, 'CLOSED', /closed/, () => index.search(Float32Array.of(0, 0, 0)))
    await refuses(nearfield, 'CLOSED', /closed/, () => index.searchBatch(Float32Array.of(0, 0, 0)))
    await refuses(nearfield, 'CLOSED', /closed/, () => index.toBytes())
  },
}

const aborted: Case = {
  name: 'abort rejects with signal.reason; progress moves forward; the next build is whole',
  async run(env) {
    const data = clustered(6000, 32, 4)
    const reason = new Error('the user went away')
    const stop = new AbortController()
    const seen: string[] = []
    let refused: unknown
    try {
      await build(env, data, {
        dim: 32,
        kind: 'hnsw',
        signal: stop.signal,
        onProgress: ({ phase, done, total }: { phase: string; done: number; total: number }) => {
          seen.push(phase)
          if (phase === 'link' && done > total / 10) stop.abort(reason)
        },
      })
    } catch (error) {
      refused = error
    }
    equal(refused, reason, 'what an aborted build rejects with')
    equal(seen.includes('done'), false, 'an aborted build came to its end')
    const already = AbortSignal.abort(reason)
    await build(env, data, { dim: 32, signal: already }).then(
      () => {
        throw new Error('expected an aborted signal to reject')
      },
      (error: unknown) => equal(error, reason, 'reason of an aborted signal'),
    )
    const phases: string[] = []
    let last = 0
    await using index = await build(env, data, {
      dim: 32,
      kind: 'hnsw',
      onProgress: ({ phase, done, total }: { phase: string; done: number; total: number }) => {
        if (phases.at(-1) !== phase) {
          phases.push(phase)
          last = 0
        }
        ok(done >= last && done <= total, `progress of ${phase} went from ${last} to ${done} of ${total}`)
        last = done
      },
    })
    equal(phases.at(-1), 'done', 'last phase')
    equal(phases.join().includes('link'), true, 'a phase named link')
    equal(
      (await index.search(data.subarray(0, 32), { k: 1 }))[0]?.distance,
      0,
      'distance of row 0 to its nearest',
    )
  },
}

export const errorCases: readonly Case[] = [...atTheDoor, ofSearch, closed, aborted]
