/** Files: the same bytes for any number of threads, whole on disk, mapped as loaded, and damaged. */
import { equal, near, ok, refuses, sameBytes, sameList } from '../assert.ts'
import { type Case, type Env, within } from '../suite.ts'
import { clustered, METRICS, randomSource, row } from './data.ts'

const build = (env: Env, data: Float32Array, options: object) =>
  env.nearfield.buildIndex(data, { backend: env.backend, ...options } as never)
const onDisk = ({ disk }: Env) => disk !== null

const sameForThreads: Case = {
  name: 'hnsw files are the same bytes for 1, 2 and 8 threads',
  when: ({ backend }) => backend !== 'wasm',
  async run(env) {
    const counts = env.backend === 'native' ? [1, 2, 8] : [1, 2]
    for (const codec of ['f32', 'sq8', 'sq4']) {
      for (const metric of METRICS) {
        const data = clustered(4000, 24, 21)
        let first: Uint8Array | undefined
        for (const threads of counts) {
          const options = { dim: 24, kind: 'hnsw', codec, metric, seed: 11, threads }
          await using index = await build(env, data, options)
          const bytes = await index.toBytes()
          first ??= bytes
          sameBytes(bytes, first, `${codec} ${metric}, ${threads} threads against 1`)
        }
      }
    }
  },
}

const seeds: Case = {
  name: 'another seed makes another graph, the same seed the same',
  async run(env) {
    const data = clustered(1500, 12, 3)
    const files: Uint8Array[] = []
    for (const seed of [1, 1, 2]) {
      await using index = await build(env, data, { dim: 12, kind: 'hnsw', seed })
      files.push(await index.toBytes())
    }
    sameBytes(files[1]!, files[0]!, 'seed 1 twice')
    ok(
      files[2]!.some((byte, i) => byte !== files[0]![i]),
      'seed 2 gave the file of seed 1',
    )
  },
}

const saved: Case = {
  name: 'save, open, open mapped and toBytes are one and the same file',
  when: onDisk,
  async run(env) {
    const disk = env.disk!
    const data = clustered(2500, 20, 8)
    await using index = await build(env, data, {
      dim: 20,
      kind: 'hnsw',
      metric: 'cosine',
      keys: Array.from({ length: 2500 }, (_, i) => `v${i}`),
    })
    const path = disk.path('saved.nfx')
    await index.save(path)
    await index.save(path) // over an existing file
    sameBytes(await disk.read(path), await index.toBytes(), 'file against toBytes')
    sameList(
      (await disk.list()).filter((name) => name !== 'saved.nfx' && name.startsWith('saved')),
      [],
      'left beside the file',
    )
    await using loaded = await env.nearfield.openIndex(path, { backend: env.backend })
    const modes = [loaded]
    if (env.backend === 'native')
      modes.push(await env.nearfield.openIndex(path, { backend: env.backend, mode: 'mapped' }))
    for (const other of modes) {
      sameBytes(await other.toBytes(), await index.toBytes(), 'the reopened index’s file')
      for (let i = 0; i < 50; i++) {
        const query = row(data, 20, i * 41)
        equal(
          JSON.stringify(await other.search(query)),
          JSON.stringify(await index.search(query)),
          `answers to query ${i}`,
        )
      }
    }
    await modes[1]?.close()
  },
}

const missing: Case = {
  name: 'a missing file, a folder and an impossible target are IO errors that name the path',
  when: onDisk,
  async run(env) {
    const disk = env.disk!
    const gone = disk.path('there-is-no-such-file.nfx')
    await refuses(env.nearfield, 'IO', /there-is-no-such-file/, () =>
      env.nearfield.openIndex(gone, { backend: env.backend }),
    )
    await refuses(env.nearfield, 'IO', /./, () =>
      env.nearfield.openIndex(disk.path('.'), { backend: env.backend }),
    )
    await using index = await build(env, clustered(20, 3, 1), { dim: 3 })
    const target = disk.path('no-such-folder/index.nfx')
    await refuses(env.nearfield, 'IO', /no-such-folder/, () => index.save(target))
    if (env.backend !== 'native') return
    await refuses(env.nearfield, 'IO', /there-is-no-such-file/, () =>
      env.nearfield.openIndex(gone, { backend: env.backend, mode: 'mapped' }),
    )
    const short = disk.path('short.nfx')
    await disk.write(short, (await index.toBytes()).subarray(0, 200))
    await refuses(env.nearfield, ['CORRUPT', 'FORMAT'], /./, () =>
      env.nearfield.openIndex(short, { backend: env.backend, mode: 'mapped' }),
    )
  },
}

/** One change that certainly changes the file. */
function damage(file: Uint8Array, next: () => number): { bytes: Uint8Array; what: string } {
  const at = next() % file.length
  const bytes = file.slice()
  switch (next() % 6) {
    case 0:
      bytes[at]! ^= 1 << (next() % 8)
      return { bytes, what: `a flipped bit at ${at}` }
    case 1:
      return { bytes: file.slice(0, at), what: `cut to ${at} bytes` }
    case 2: {
      const longer = new Uint8Array(file.length + 1 + (next() % 200))
      longer.set(file)
      return { bytes: longer, what: `${longer.length - file.length} bytes longer` }
    }
    case 3: {
      const length = 1 + (next() % 64)
      for (let i = at; i < Math.min(file.length, at + length); i++) bytes[i] = next()
      bytes[at] = file[at]! ^ 0x55
      return { bytes, what: `noise at ${at}` }
    }
    case 4: {
      const place = (next() % 32) * 4 // a field of the header
      const extreme = [0, 1, 0x7fffffff, 0x80000000, 0xffffffff][next() % 5]!
      const view = new DataView(bytes.buffer)
      view.setUint32(place, view.getUint32(place, true) === extreme ? extreme ^ 3 : extreme, true)
      return { bytes, what: `${extreme} in the header at ${place}` }
    }
    default: {
      const to = next() % file.length
      const length = 1 + (next() % 512)
      bytes.copyWithin(to, at, at + length)
      bytes[to] = file[to]! ^ 0x80
      return { bytes, what: `bytes of ${at} at ${to}` }
    }
  }
}

const mutated: Case = {
  name: '1,000 damaged files: each is refused as FORMAT or CORRUPT',
  async run(env) {
    const data = clustered(400, 12, 6)
    const sources: Uint8Array[] = []
    const keyed = Array.from({ length: 400 }, (_, i) => `key ${i}`)
    for (const options of [
      { kind: 'flat' },
      { kind: 'hnsw', keys: keyed },
      { kind: 'hnsw', keys: keyed.map((_, i) => i * 3) },
      { kind: 'hnsw', codec: 'sq8' },
      { kind: 'hnsw', codec: 'sq4' },
    ]) {
      await using index = await build(env, data, { dim: 12, ...options })
      sources.push(await index.toBytes())
    }
    const next = randomSource(20260101)
    for (let round = 0; round < 1000; round++) {
      const { bytes, what } = damage(sources[round % sources.length]!, next)
      const open = env.nearfield.openIndex(bytes, { backend: env.backend })
      await refuses(env.nearfield, ['FORMAT', 'CORRUPT'], /./, () => within(5000, open)).catch(
        (error: Error) => {
          throw new Error(`mutation ${round}, ${what}: ${error.message}`, { cause: error })
        },
      )
    }
    for (const source of sources) {
      await using index = await env.nearfield.openIndex(source, { backend: env.backend })
      equal((await index.search(row(data, 12, 5), { k: 1 }))[0]?.distance, 0, 'the undamaged file’s answer')
    }
  },
}

const QUERIES = 30
const K = 8
const kinds = [
  {
    name: 'flat-ip',
    dim: 17,
    options: { kind: 'flat', metric: 'ip', keys: Array.from({ length: 800 }, (_, i) => 1e15 + i) },
  },
  {
    name: 'hnsw-cosine',
    dim: 24,
    options: {
      kind: 'hnsw',
      metric: 'cosine',
      keys: Array.from({ length: 800 }, (_, i) => `Schlüssel ${i}`),
    },
  },
  { name: 'hnsw-l2', dim: 33, options: { kind: 'hnsw', codec: 'f32' } },
  { name: 'sq8-l2', dim: 33, options: { kind: 'hnsw', codec: 'sq8' } },
  { name: 'sq8-ip', dim: 40, options: { kind: 'hnsw', codec: 'sq8', metric: 'ip' } },
  { name: 'sq4-l2', dim: 33, options: { kind: 'hnsw', codec: 'sq4' } },
  { name: 'sq4-cosine', dim: 140, options: { kind: 'hnsw', codec: 'sq4', metric: 'cosine' } },
  { name: 'zones-l2', dim: 33, options: { kind: 'zones', zones: 20 } },
  { name: 'soar-ip', dim: 28, options: { kind: 'zones', zones: 20, soar: true, metric: 'ip' } },
  { name: 'zones-cosine', dim: 70, options: { kind: 'zones', codec: 'bits1', metric: 'cosine' } },
  { name: 'pq4-cosine', dim: 41, options: { kind: 'zones', codec: 'pq4', metric: 'cosine', zones: 20 } },
  { name: 'pq8-l2', dim: 21, options: { kind: 'flat', codec: 'pq8', codeNumbers: 3 } },
  { name: 'bits2-ip', dim: 24, options: { kind: 'flat', codec: 'bits2', metric: 'ip' } },
  {
    name: 'walked-l2',
    dim: 12,
    rows: 4400,
    options: { kind: 'zones', zones: 1, inner: 'graph', efConstruction: 40 },
  },
] as const

interface Told {
  readonly keys: readonly (number | string)[][]
  readonly distances: readonly number[][]
}

async function answers(index: Awaited<ReturnType<typeof build>>, dim: number): Promise<Told> {
  const told = { keys: [] as (number | string)[][], distances: [] as number[][] }
  const queries = clustered(QUERIES, dim, 78)
  for (let q = 0; q < QUERIES; q++) {
    const hits = await index.search(row(queries, dim, q), { k: K })
    told.keys.push(hits.map(({ key }) => key))
    told.distances.push(hits.map(({ distance }) => distance))
  }
  return told
}

/** Written first, by every runtime, for {@link readAll}. */
export const writeCases: readonly Case[] = [
  {
    name: 'writes files for the other runtimes',
    async run(env) {
      for (const { name, dim, options, ...more } of kinds) {
        const { rows } = { rows: 800, ...more }
        await using index = await build(env, clustered(rows, dim, 77), { dim, ...options })
        const stem = `${env.runtime}.${env.backend}.${name}`
        await env.exchange.write(
          `${stem}.json`,
          new TextEncoder().encode(JSON.stringify(await answers(index, dim))),
        )
        await env.exchange.write(`${stem}.nfx`, await index.toBytes())
      }
    },
  },
]

const readAll: Case = {
  name: 'files of every other runtime open here with the same answers',
  async run(env) {
    const names = (await env.exchange.list()).filter((name) => name.endsWith('.nfx'))
    ok(names.length >= kinds.length, `expected at least ${kinds.length} files, received ${names.length}`)
    for (const name of names) {
      const { dim } = kinds.find((kind) => name.endsWith(`.${kind.name}.nfx`))!
      const text = new TextDecoder().decode(await env.exchange.read(name.replace('.nfx', '.json')))
      const expected = JSON.parse(text) as Told
      const file = await env.exchange.read(name)
      await using index = await env.nearfield.openIndex(file, { backend: env.backend })
      sameBytes(await index.toBytes(), file, `${name} written again`)
      const received = await answers(index, dim)
      for (let q = 0; q < QUERIES; q++) {
        sameList(received.keys[q]!, expected.keys[q]!, `${name}, keys of query ${q}`)
        for (const [i, distance] of expected.distances[q]!.entries())
          near(received.distances[q]![i]!, distance, 1e-5, `${name}, query ${q}`)
      }
    }
  },
}

export const readCases: readonly Case[] = [readAll]
export const fileCases: readonly Case[] = [sameForThreads, seeds, saved, missing, mutated]
