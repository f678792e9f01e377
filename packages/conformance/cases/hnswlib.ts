/** Files of hnswlib: opened in every way, refused when damaged, written and taken back. */
import { equal, ok, refuses, sameBytes, sameList } from '../assert.ts'
import { type Case, type Env, within } from '../suite.ts'
import { clustered, METRICS, nearest, randomSource, row } from './data.ts'
import { HNSWLIB_FILE } from './hnswlib-file.ts'

const ROWS = 60
const DIM = 6
/** Bytes of the header and of an element: a list of 4 + 8 · 4, a vector and a label. */
const HEAD_BYTES = 96
const ELEMENT_BYTES = 36 + 4 * DIM + 8

const theirs = (): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(HNSWLIB_FILE.replaceAll('\n', '')), (letter) => letter.charCodeAt(0))

function vectorOf(file: Uint8Array, element: number): Float32Array {
  const view = new DataView(file.buffer, file.byteOffset)
  const at = HEAD_BYTES + element * ELEMENT_BYTES + 36
  return Float32Array.from({ length: DIM }, (_, d) => view.getFloat32(at + 4 * d, true))
}

const open = (env: Env, source: Uint8Array | Blob | string, options: object = {}) =>
  env.nearfield.openIndex(source, {
    backend: env.backend,
    format: 'hnswlib',
    metric: 'l2',
    dim: DIM,
    ...options,
  })

const opened: Case = {
  name: 'a file of hnswlib opens from bytes, a Blob, a path and a map; every row finds itself by its label',
  async run(env) {
    const file = theirs()
    const sources: [Uint8Array | Blob | string, object][] = [
      [file, {}],
      [new Blob([file]), { codec: 'sq8' }],
    ]
    if (env.disk) {
      const path = env.disk.path('theirs.bin')
      await env.disk.write(path, file)
      sources.push([path, {}])
      if (env.backend === 'native') sources.push([path, { mode: 'mapped' }])
    }
    let first: Uint8Array | undefined
    for (const [source, options] of sources) {
      await using index = await open(env, source, options)
      await index.check()
      equal(index.size, ROWS, 'size')
      equal(index.kind, 'hnsw', 'kind')
      const codec = 'codec' in options ? options.codec : 'f32' // six numbers are no shorter as codes
      equal(index.stats().codec, codec, 'codec')
      ok(
        /^opened from hnswlib: 60 elements/.test(String(index.stats().chosen)),
        'chosen says where it came from',
      )
      for (let element = 0; element < ROWS; element++) {
        const [hit] = await index.search(vectorOf(file, element), { k: 1 })
        equal(hit?.key, 10 * element + 3, 'key')
        equal(hit?.distance, 0, 'distance')
      }
      if (codec !== 'f32') continue
      const bytes = await index.toBytes()
      first ??= bytes
      sameBytes(bytes, first, 'from another source')
    }
  },
}

const named: Case = {
  name: 'keys name the labels of a file of hnswlib',
  async run(env) {
    const file = theirs()
    const keys = Array.from({ length: 600 }, (_, label) => `label ${label}`)
    await using index = await open(env, file, { keys })
    equal((await index.search(vectorOf(file, 7), { k: 1 }))[0]?.key, 'label 73', 'key')
    await refuses(env.nearfield, 'KEY', /label 33 has no key: 30 keys were given/, () =>
      open(env, file, { keys: keys.slice(0, 30) }),
    )
  },
}

const asked: Case = {
  name: 'a file of hnswlib needs its metric and dim, and nothing that is not its own',
  async run(env) {
    const file = theirs()
    const { nearfield } = env
    await refuses(nearfield, 'FORMAT', /expected vectors of dim 7, found vectors of 6/, () =>
      open(env, file, { dim: 7 }),
    )
    await refuses(nearfield, 'CORRUPT', /expected unit length/, () => open(env, file, { metric: 'cosine' }))
    await refuses(nearfield, 'OPTION', /metric/, () => open(env, file, { metric: undefined }))
    await refuses(nearfield, 'OPTION', /dim/, () => open(env, file, { dim: undefined }))
    await refuses(nearfield, 'OPTION', /unknown option 'seed'/, () => open(env, file, { seed: 3 }))
    await refuses(nearfield, 'OPTION', /format must be nearfield or hnswlib, received "faiss"/, () =>
      open(env, file, { format: 'faiss' }),
    )
    await refuses(nearfield, 'FORMAT', /not a nearfield file/, () =>
      nearfield.openIndex(file, { backend: env.backend }),
    )
    await using flat = await nearfield.buildIndex(clustered(50, 4, 1), { backend: env.backend, dim: 4 })
    await refuses(nearfield, 'FORMAT', /not an hnswlib index file/, async () =>
      open(env, await flat.toBytes(), { dim: 4 }),
    )
  },
}

const damaged: Case = {
  name: '300 damaged files of hnswlib: each is refused, or opens sound',
  async run(env) {
    const file = theirs()
    const next = randomSource(5)
    for (let round = 0; round < 300; round++) {
      const bytes = file.slice(0, next() % 5 === 0 ? next() % file.length : file.length)
      for (let change = next() % 3; change >= 0 && bytes.length > 0; change--) {
        const place = next() % (next() % 2 ? bytes.length : Math.min(HEAD_BYTES, bytes.length))
        bytes[place] = next()
      }
      const try_ = async () => {
        await using index = await open(env, bytes)
        await index.check()
        await index.search(vectorOf(file, 3))
      }
      await within(5000, try_()).catch((error: unknown) => {
        const { NearfieldError } = env.nearfield
        const refused = error instanceof NearfieldError && ['FORMAT', 'CORRUPT', 'KEY'].includes(error.code)
        if (!refused) throw new Error(`mutation ${round}: ${String(error)}`, { cause: error })
      })
    }
  },
}

const written: Case = {
  name: 'an index is written as a file of hnswlib, the same to a path, a stream and bytes, and comes back',
  async run(env) {
    const rows = 1200
    const dim = 20
    const data = clustered(rows, dim, 4)
    data.copyWithin(0, dim * 5, dim * 9) // some rows twice
    for (const metric of METRICS) {
      const keys = Array.from({ length: rows }, (_, i) => i * 2)
      const options = { backend: env.backend, dim, kind: 'hnsw', metric, keys } as const
      await using index = await env.nearfield.buildIndex(data, options)
      const bytes = await index.toBytes({ format: 'hnswlib' })
      const pieces: Uint8Array[] = []
      await index.save(new WritableStream({ write: (piece) => void pieces.push(piece) }), {
        format: 'hnswlib',
      })
      sameBytes(new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer()), bytes, 'stream')
      if (env.disk) {
        await index.save(env.disk.path('ours.bin'), { format: 'hnswlib' })
        sameBytes(await env.disk.read(env.disk.path('ours.bin')), bytes, 'path')
      }
      await using again = await open(env, bytes, { metric, dim })
      equal(again.size, rows, 'size')
      const queries = clustered(40, dim, 4).subarray(0, 40 * dim)
      const before = await index.recall(queries, { ef: 40 })
      const after = await again.recall(queries, { ef: 40 })
      ok(after >= before - 0.02, `${metric}: expected recall ${before}, received ${after}`)
      for (let i = 0; i < 10; i++) {
        const expected = nearest(metric, data, dim, row(data, dim, i * 100), 3).map(({ slot }) => slot * 2)
        const found = await again.search(row(data, dim, i * 100), { k: 3, exact: true })
        sameList(
          found.map(({ key }) => key),
          expected,
          `${metric}, row ${i * 100}`,
        )
      }
    }
  },
}

const unwritable: Case = {
  name: 'what a file of hnswlib cannot hold is refused with the reason',
  async run(env) {
    const data = clustered(50, 4, 1)
    const build = (options: object) =>
      env.nearfield.buildIndex(data, { backend: env.backend, dim: 4, ...options } as never)
    const say = async (options: object, code: string, says: RegExp) => {
      await using index = await build(options)
      await refuses(env.nearfield, code, says, () => index.toBytes({ format: 'hnswlib' }))
    }
    await say({ kind: 'flat' }, 'OPTION', /expected an index of kind 'hnsw', this one is 'flat'/)
    const texts = Array.from({ length: 50 }, (_, i) => `${i}`)
    await say({ kind: 'hnsw', keys: texts }, 'KEY', /integers from 0, the keys of this index are strings/)
    const numbers = Array.from({ length: 50 }, (_, i) => i - 9)
    await say({ kind: 'hnsw', keys: numbers }, 'KEY', /integers from 0, this index has the key -9/)
    await using index = await build({ kind: 'hnsw' })
    await refuses(env.nearfield, 'OPTION', /format must be nearfield or hnswlib/, () =>
      index.toBytes({ format: 'csv' as never }),
    )
  },
}

const steered: Case = {
  name: 'opening a file of hnswlib reports its phases and stops when aborted',
  async run(env) {
    const data = clustered(6000, 16, 2)
    const options = { backend: env.backend, dim: 16, kind: 'hnsw', M: 8, efConstruction: 40 } as const
    await using index = await env.nearfield.buildIndex(data, options)
    const bytes = await index.toBytes({ format: 'hnswlib' })
    const phases: string[] = []
    const onProgress = ({ phase, done, total }: { phase: string; done: number; total: number }) => {
      ok(done <= total, `${phase}: ${done} of ${total}`)
      if (phases.at(-1) !== phase) phases.push(phase)
    }
    await using again = await open(env, bytes, { dim: 16, codec: 'sq8', onProgress })
    equal(again.size, 6000, 'size')
    sameList(phases, ['read', 'prepare', 'encode', 'link', 'repair', 'done'], 'phases')
    const stop = new AbortController()
    const reason = new Error('enough')
    const abort = ({ phase }: { phase: string }) => phase === 'link' && stop.abort(reason)
    const error = await open(env, bytes, { dim: 16, signal: stop.signal, onProgress: abort }).catch((e) => e)
    equal(error, reason, 'the reason')
  },
}

const grown: Case = {
  name: 'rows are added to a file of hnswlib; what grew is explained, tuned and written for hnswlib again',
  async run(env) {
    const more = clustered(1500, DIM, 8)
    const keys = Array.from({ length: 1500 }, (_, i) => 100_000 + i)
    const whole = new Float32Array((ROWS + 1500) * DIM)
    for (let i = 0; i < ROWS; i++) whole.set(vectorOf(theirs(), i), i * DIM)
    whole.set(more, ROWS * DIM)
    const keyOf = (slot: number) => (slot < ROWS ? 10 * slot + 3 : 100_000 + slot - ROWS)
    for (const codec of ['auto', 'f32', 'sq8', 'sq4']) {
      await using index = await open(env, theirs(), { codec })
      await refuses(env.nearfield, 'KEY', /keys/, () => index.add(more))
      const { first } = await index.add(more, { keys })
      equal(first, ROWS, 'first')
      await index.check()
      equal(index.stats().codec, codec === 'auto' ? 'f32' : codec, 'codec')
      const chosen = String(index.stats().chosen)
      ok(/^opened from hnswlib: 60 elements/.test(chosen), `chosen: ${chosen}`)
      const told = await index.explain(row(whole, DIM, 700), { k: 5 })
      equal(told.found, 5, 'found')
      equal(told.kind, 'hnsw', 'kind')
      equal(told.chosen, chosen, 'chosen of explain')
      ok(told.distances.byVector > 0 && told.distances.byVector < whole.length / DIM, 'rows compared')
      const { reached, recall } = await index.tune(more.slice(0, 100 * DIM), { recall: 0.99, k: 5 })
      ok(reached && recall >= 0.99, `recall ${recall}`)

      const bytes = await index.toBytes({ format: 'hnswlib' })
      await using again = await open(env, bytes, { codec })
      await again.check()
      for (const each of [index, again]) {
        equal(each.size, ROWS + 1500, 'size')
        for (let slot = 0; slot < ROWS + 1500; slot += 7) {
          const query = row(whole, DIM, slot)
          const expected = nearest('l2', whole, DIM, query, 2).map((hit) => keyOf(hit.slot))
          const found = await each.search(query, { k: 2, ef: 200 })
          sameList(
            found.map(({ key }) => key),
            expected,
            `${codec}: row ${slot}`,
          )
        }
      }
    }
  },
}

export const hnswlibCases: readonly Case[] = [
  opened,
  named,
  asked,
  damaged,
  written,
  unwritable,
  steered,
  grown,
]
