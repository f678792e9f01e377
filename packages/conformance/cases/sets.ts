/** Instruction sets: the best one the engine reads answers, a limit is kept, and answers do not depend on it. */
import { equal, sameBytes, sameList } from '../assert.ts'
import type { Case, Env } from '../suite.ts'
import { clustered, row } from './data.ts'

const ROWS = 1500
const DIM = 70 // two blocks of codes, the second one padded

/** Whether the engine reads relaxed SIMD at all: a module of one `f32x4.relaxed_madd`. */
function readsRelaxed(): boolean {
  const zeros = [0x41, 0, 0xfd, 15, 0x41, 0, 0xfd, 15, 0x41, 0, 0xfd, 15]
  const code = [10, 19, 1, 17, 0, ...zeros, 0xfd, 0x85, 0x02, 0x0b]
  const module = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0, ...code]
  return WebAssembly.validate(Uint8Array.from(module))
}

function best({ backend, isa }: Env): 'relaxed-simd' | 'simd128' {
  const withThreads = backend === 'wasm-threads' && isa === null
  return withThreads && readsRelaxed() ? 'relaxed-simd' : 'simd128'
}

const wasmSets: Case = {
  name: 'the best instruction set of the engine answers, lesser ones give the same files and answers',
  when: ({ backend }) => backend !== 'native',
  async run(env) {
    const data = clustered(ROWS, DIM, 41)
    let file: Uint8Array | undefined
    let keys: readonly unknown[] = []
    let distances: readonly number[] = []
    for (const isa of [best(env), 'simd128', 'scalar'] as const) {
      const options = { dim: DIM, kind: 'hnsw', codec: 'sq8', backend: env.backend, isa } as const
      await using index = await env.nearfield.buildIndex(data, options)
      equal(index.backend.simd, best(env), 'set of the backend')
      equal(index.stats().isa, isa, 'set of the index')
      const bytes = await index.toBytes()
      const hits = await index.search(row(data, DIM, 7))
      if (file === undefined) {
        file = bytes
        keys = hits.map(({ key }) => key)
        distances = hits.map(({ distance }) => distance)
      }
      sameBytes(bytes, file, `file by ${isa}`)
      sameList(
        hits.map(({ key }) => key),
        keys,
        `keys by ${isa}`,
      )
      sameList(
        hits.map(({ distance }) => distance),
        distances,
        `distances by ${isa}`,
      )
    }
  },
}

const limit: Case = {
  name: 'a limit on instructions is kept by a built and by an opened index',
  async run(env) {
    const data = clustered(50, 4, 1)
    const options = { backend: env.backend, isa: 'scalar' } as const
    await using index = await env.nearfield.buildIndex(data, { dim: 4, ...options })
    equal(index.stats().isa, 'scalar', 'set of the built index')
    await using opened = await env.nearfield.openIndex(await index.toBytes(), options)
    equal(opened.stats().isa, 'scalar', 'set of the opened index')
  },
}

export const setCases: readonly Case[] = [wasmSets, limit]
