/** Every way to hand over vectors, keys and options, and what each bad one is told. */
import { describe, expect, it } from 'vitest'
import type { BuildOptions, Keys, Vectors } from '../src/api/nearfield.ts'
import { house, line, refuses } from './house.ts'

const { buildIndex, openIndex } = house()
const build = (vectors: unknown, options: unknown) => buildIndex(vectors as Vectors, options as BuildOptions)

describe('vectors', () => {
  it.each([
    ['flat', line(3, 2), { dim: 2 }],
    ['rows of Float32Array', [Float32Array.of(0, 0), Float32Array.of(1, 0), Float32Array.of(2, 0)], {}],
    [
      'rows of numbers',
      [
        [0, 0],
        [1, 0],
        [2, 0],
      ],
      {},
    ],
    ['a tensor', { data: line(3, 2), dims: [3, 2] }, {}],
    ['a view into something larger', new Float32Array([9, 0, 0, 1, 0, 2, 0, 9]).subarray(1, 7), { dim: 2 }],
  ])('takes %s', async (_, vectors, options) => {
    const index = await build(vectors, options)
    expect([index.size, index.dim]).toEqual([3, 2])
    expect(await index.search([2, 0], { k: 2 })).toEqual([
      { key: 2, distance: 0 },
      { key: 1, distance: 1 },
    ])
  })

  it.each([
    [
      'a ragged array',
      line(3, 2).subarray(0, 5),
      { dim: 2 },
      'DIMENSION',
      /multiple of dim = 2 numbers, received 5 \(1 left over\)/,
    ],
    ['a short row', [[1, 2], [1]], {}, 'DIMENSION', /row 1 of vectors: expected 2 numbers, received 1/],
    [
      'a row of another width than dim',
      [[1, 2]],
      { dim: 3 },
      'DIMENSION',
      /row 0 of vectors: expected 3 numbers, received 2/,
    ],
    [
      'a tensor of another width',
      { data: line(2, 4), dims: [2, 4] },
      { dim: 3 },
      'DIMENSION',
      /expected 3 numbers, received 4/,
    ],
    [
      'a lying tensor',
      { data: line(2, 4), dims: [3, 4] },
      {},
      'DIMENSION',
      /describe 12 numbers, data holds 8/,
    ],
    [
      'NaN',
      [
        [1, 2],
        [1, Number.NaN],
      ],
      {},
      'NOT_FINITE',
      /row 1 has NaN at column 1/,
    ],
    ['an infinity', [[Infinity, 2]], {}, 'NOT_FINITE', /row 0 has Infinity at column 0/],
    ['text', [['1', '2']], {}, 'OPTION', /row 0 of vectors must hold numbers, received "1" at column 0/],
    ['a hole', [[1, undefined]], {}, 'OPTION', /received undefined at column 1/],
    [
      'a row that is none',
      [[1, 2], 7],
      {},
      'OPTION',
      /row 1 of vectors must be a Float32Array or an array of numbers, received 7/,
    ],
    ['nothing', null, { dim: 2 }, 'DIMENSION', /vectors must be a Float32Array, .* received null/],
    ['doubles', new Float64Array(4), { dim: 2 }, 'DIMENSION', /received a Float64Array/],
    ['flat without dim', line(2), {}, 'OPTION', /dim is missing/],
    ['empty rows without dim', [], {}, 'DIMENSION', /dim is missing/],
  ] as const)('refuses %s', async (_, vectors, options, code, message) => {
    await refuses(() => build(vectors, options), code, message)
  })

  it('neither keeps nor changes what it was given', async () => {
    const vectors = line(5, 2)
    const before = vectors.slice()
    const index = await build(vectors, { dim: 2 })
    expect(vectors).toEqual(before)
    vectors.fill(7)
    expect(await index.search([0, 0], { k: 1 })).toEqual([{ key: 0, distance: 0 }])
  })

  it('an empty index answers with nothing', async () => {
    const index = await build(new Float32Array(0), { dim: 3 })
    expect(await index.search([1, 2, 3])).toEqual([])
    expect(index.searchSync([1, 2, 3])).toEqual([])
    expect((await index.searchBatch([[1, 2, 3]])).row(0)).toEqual([])
    expect(await index.recall([[1, 2, 3]])).toBe(1)
  })
})

describe('options', () => {
  it.each([
    [
      'an unknown name',
      { dim: 4, efSearch: 1 },
      /unknown option 'efSearch'; known are dim, kind, metric, M, efConstruction, codec, codeNumbers, zones, soar, inner, refine, keepVectors, memory, seed, isa, keys, backend, signal, onProgress, threads/,
    ],
    ['a dim of 0', { dim: 0 }, /dim must be an integer from 1 to 65536, received 0/],
    ['a broken dim', { dim: 2.5 }, /received 2.5/],
    ['a NaN the core would not see', { dim: 4, M: Number.NaN }, /M must be a number or a word, received NaN/],
    ['a function', { dim: 4, seed: () => 1 }, /seed must be a number or a word, received a function/],
    ['threads 0', { dim: 4, threads: 0 }, /threads must be an integer from 1 to 1024, received 0/],
    [
      'a backend nobody knows',
      { dim: 4, backend: 'gpu' },
      /backend must be one of auto, native, wasm-threads, wasm, received "gpu"/,
    ],
    ['a signal that is none', { dim: 4, signal: {} }, /signal must be an AbortSignal, received a Object/],
    ['a progress that is none', { dim: 4, onProgress: 1 }, /onProgress must be a function, received 1/],
    ['a kind nobody knows', { dim: 4, kind: 'tree' }, /kind must be auto, flat or hnsw, received "tree"/],
    ['no object', 4, /options must be an object, received 4/],
  ])('refuses %s', async (_, options, message) => {
    await refuses(() => build(line(3), options), 'OPTION', message)
  })

  it('says which backends there are', async () => {
    await refuses(
      () => build(line(3), { dim: 4, backend: 'wasm' }),
      'BACKEND',
      /no wasm backend here; there are native/,
    )
  })

  it.each([
    [{ k: 0 }, 'OPTION', /k must be an integer from 1 to 4294967295, received 0/],
    [{ k: 1.5 }, 'OPTION', /received 1.5/],
    [{ ef: 0 }, 'OPTION', /ef must be an integer from 1 to 1000000, received 0/],
    [{ exact: 'yes' }, 'OPTION', /exact must be true or false, received "yes"/],
    [{ rerank: 0 }, 'OPTION', /rerank must be true or false, received 0/],
    [
      { efSearch: 10 },
      'OPTION',
      /unknown option 'efSearch'; known are k, ef, exact, parallel, probes, recall, rerank, signal/,
    ],
    [{ parallel: 1 }, 'OPTION', /parallel must be true or false, received 1/],
    [{ parallel: true }, 'OPTION', /parallel is for zones and scans of bits, this index of kind flat/],
  ] as const)('search refuses %o', async (options, code, message) => {
    const index = await build(line(3), { dim: 4 })
    await refuses(() => index.search([0, 0, 0, 0], options as object), code, message)
  })

  it('a query must fit', async () => {
    const index = await build(line(3), { dim: 4 })
    await refuses(() => index.search([1, 2, 3]), 'DIMENSION', /the query: expected 4 numbers, received 3/)
    await refuses(() => index.searchSync(new Float32Array(5)), 'DIMENSION', /expected 4 numbers, received 5/)
    await refuses(
      () => index.searchBatch(new Float32Array(6)),
      'DIMENSION',
      /queries must hold a multiple of dim = 4 numbers, received 6/,
    )
    await refuses(
      () => index.searchBatch(new Float32Array(4), { parallel: true } as object),
      'OPTION',
      /unknown option 'parallel'/,
    )
    await refuses(() => index.search('text' as never), 'OPTION', /received "text"/)
    await refuses(() => index.search([0, Number.NaN, 0, 0]), 'NOT_FINITE', /NaN at column 1/)
  })

  it('k beyond the size gives a short answer', async () => {
    const index = await build(line(3), { dim: 4 })
    expect(await index.search(line(1), { k: 4_000_000_000 })).toHaveLength(3)
    expect((await index.searchBatch(line(2), { k: 50 })).k).toBe(3)
  })
})

describe('sources', () => {
  it.each([
    ['a missing file', '/nowhere/at/all.nfx', 'IO', /cannot open \/nowhere\/at\/all.nfx: ENOENT/],
    ['a folder', '/', 'IO', /cannot (open|read) \//],
    ['foreign bytes', new Uint8Array([1, 2, 3]), 'FORMAT', /not a model file/],
    ['nothing', null, 'OPTION', /the source must be a path, a URL, .* received null/],
  ] as const)('refuses %s', async (_, source, code, message) => {
    await refuses(() => openIndex(source as never), code, message)
  })

  it('mapping needs a path', async () => {
    await refuses(
      () => openIndex(new Uint8Array(3), { mode: 'mapped' }),
      'OPTION',
      /needs the path of a file/,
    )
    await refuses(
      () => openIndex('x', { mode: 'lazy' as never }),
      'OPTION',
      /mode must be memory or mapped, received "lazy"/,
    )
    await refuses(() => openIndex('/nowhere', { mode: 'mapped' }), 'IO', /ENOENT/)
  })
})

describe('keys', () => {
  const keyed = (keys: unknown) => buildIndex(line(3), { dim: 4, keys: keys as Keys })

  it.each([
    ['numbers', [70, -5, 9_007_199_254_740_991]],
    ['a typed column', Float64Array.of(3, 2, 1)],
    ['strings', ['ä', '', '🦉 owl']],
  ])('gives back %s', async (_, keys) => {
    const index = await keyed(keys)
    const names = [...keys]
    expect((await index.search(line(1))).map(({ key }) => key)).toEqual(names)
    expect(index.searchSync(line(1)).map(({ key }) => key)).toEqual(names)
    expect([...(await index.searchBatch(line(1), { k: 3 })).keys]).toEqual(names)
  })

  it.each([
    ['too few', [1, 2], /expected 3 keys, one a row, received 2/],
    ['twice the same number', [1, 2, 1], /rows 0 and 2 both have 1/],
    ['both zeros', [0, -0, 1], /rows 0 and 1 both have 0/],
    ['twice the same string', ['a', 'b', 'b'], /rows 1 and 2 both have "b"/],
    ['two sorts', [1, 'b', 3], /one sort, received "b" at row 1 among numbers/],
    ['two sorts, strings first', ['a', 2, 'c'], /one sort, received 2 at row 1 among strings/],
    ['fractions', [1, 2.5, 3], /safe integers or strings, received 2.5 at row 1/],
    ['unsafe integers', [1, 2, 2 ** 53], /received 9007199254740992 at row 2/],
    ['bigints', [1n, 2n, 3n], /received 1n at row 0/],
    ['half a surrogate pair', ['a', 'b', '\ud83e'], /row 2 has half a surrogate pair/],
    ['no list', 'abc', /keys must be an array with one key a row, received "abc"/],
  ])('refuses %s', async (_, keys, message) => {
    await refuses(() => keyed(keys), 'KEY', message)
  })
})
