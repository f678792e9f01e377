/** The datasets: readers, generator, truth and recall on data small enough to know the answers. */

import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DATASETS, prepare } from '../data/catalogue.ts'
import { type ClusterRecipe, clusterVectors } from '../data/clusters.ts'
import { readFvecs } from '../data/fvecs.ts'
import { loadH5wasm } from '../data/hdf5.ts'
import { type Matrix, rowsFoundIn } from '../data/matrix.ts'
import { readNpy } from '../data/npy.ts'
import { type Loaded, loadDataset, recallOf } from '../data/recall.ts'
import { checkClaim, crossCheck, exactTruth } from '../data/truth.ts'
import { wordRecords } from '../data/words.ts'
import { METRICS, type Metric } from '../harness/contract.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nearfield-data-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function file(name: string, ...parts: (ArrayBufferView | string)[]): Promise<string> {
  const bytes = parts.map((part) =>
    typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part.buffer as ArrayBuffer),
  )
  const path = join(folder, name)
  await writeFile(path, Buffer.concat(bytes))
  return path
}

const matrix = (dim: number, numbers: Iterable<number>): Matrix => ({
  dim,
  values: Float32Array.from(numbers),
})

const SMALL: ClusterRecipe = { seed: 7, dim: 8, clusters: 5, width: 2, tau: 4 }
const smallVectors = async (metric: Metric, rows = 300) => ({
  metric,
  base: await clusterVectors(SMALL, 'rows', rows),
  queries: await clusterVectors(SMALL, 'queries', 40),
})

describe('fvecs', () => {
  const row = (length: number, ...numbers: number[]) => [Int32Array.of(length), Float32Array.from(numbers)]

  it('gives its rows', async () => {
    const path = await file('good.fvecs', ...row(3, 1, 2, 3), ...row(3, -4, 5.5, 6))
    expect(await readFvecs(path)).toEqual(matrix(3, [1, 2, 3, -4, 5.5, 6]))
  })

  it.each([
    ['nothing', [], 'received 0 bytes'],
    [
      'a cut row',
      [...row(3, 1, 2, 3), ...row(3, 4, 5)],
      'expected rows of 3 float32 with their length, received 28',
    ],
    ['rows of two lengths', [...row(2, 1, 2), ...row(1, 3, 4)], 'row 1: expected length 2, received 1'],
    ['a negative length', [...row(-1, 1)], 'expected rows of -1 float32'],
  ])('refuses %s', async (_, parts, message) => {
    await expect(readFvecs(await file('bad.fvecs', ...parts))).rejects.toThrow(message)
  })
})

describe('npy', () => {
  const dict = (descr: string, shape: string, fortran = 'False') =>
    `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }\n`
  const v1 = (header: string) => ['\x93NUMPY\x01\x00', Uint16Array.of(header.length), header]
  const v2 = (header: string) => ['\x93NUMPY\x02\x00', Uint32Array.of(header.length), header]

  it.each([
    ['float32, version 1', v1(dict('<f4', '(2, 2)')), Float32Array.of(1, 2, -3, 0.5)],
    ['float64, version 2', v2(dict('<f8', '(2, 2)')), Float64Array.of(1, 2, -3, 0.5)],
    ['float16', v1(dict('<f2', '(2, 2)')), Uint16Array.of(0x3c00, 0x4000, 0xc200, 0x3800)],
  ])('gives its rows: %s', async (_, header, numbers) => {
    expect(await readNpy(await file('good.npy', ...header, numbers))).toEqual(matrix(2, [1, 2, -3, 0.5]))
  })

  it('knows the smallest and largest float16', async () => {
    const halves = Uint16Array.of(0x0001, 0x83ff, 0x7bff, 0x8000)
    const { values } = await readNpy(await file('half.npy', ...v1(dict('<f2', '(1, 4)')), halves))
    expect(Array.from(values)).toEqual([2 ** -24, -1023 * 2 ** -24, 65_504, -0])
  })

  const four = Float32Array.of(1, 2, 3, 4)
  it.each([
    ['no npy', ['PK\x03\x04 something else'], 'expected .npy of version 1, 2 or 3, received "PK'],
    ['an empty file', [], 'expected .npy'],
    ['an unknown version', ['\x93NUMPY\x09\x00', four], 'expected .npy of version 1, 2 or 3'],
    [
      'a cut header',
      ['\x93NUMPY\x01\x00', Uint16Array.of(900), dict('<f4', '(2, 2)')],
      'header of 900 bytes',
    ],
    ['cut numbers', [...v1(dict('<f4', '(3, 2)')), four], 'expected 24 bytes for 3 × 2 <f4, received 16'],
    ['big-endian', [...v1(dict('>f4', '(2, 2)')), four], 'expected a matrix of <f2, <f4, <f8 in C order'],
    ['integers', [...v1(dict('<i4', '(2, 2)')), four], "received {'descr': '<i4'"],
    ['Fortran order', [...v1(dict('<f4', '(2, 2)', 'True')), four], 'in C order'],
    ['one dimension', [...v1(dict('<f4', '(4,)')), four], 'expected a matrix'],
    ['three dimensions', [...v1(dict('<f4', '(2, 1, 2)')), four], 'expected a matrix'],
  ])('refuses %s', async (_, parts, message) => {
    await expect(readNpy(await file('bad.npy', ...parts))).rejects.toThrow(message)
  })
})

describe('word vectors', () => {
  it('are cut out of the JSON wherever it is cut into chunks', async () => {
    const text = '{"words":["a:[1]"],"vectors":{"a":[1,2],"]\\"":[3,-4],"b":[5e-2,6]},"unkVector":[0,0]}'
    for (const size of [1, 2, 7, text.length]) {
      const chunks = Readable.from(text.match(new RegExp(`.{1,${size}}`, 'g'))!)
      const records: string[] = []
      for await (const record of wordRecords(chunks)) records.push(record)
      expect(records).toEqual(['1,2', '3,-4', '5e-2,6'])
    }
  })
})

describe('generated clusters', () => {
  it('are the same on every machine', async () => {
    const first = await clusterVectors({ seed: 1, dim: 128, clusters: 100, width: 3, tau: 16 }, 'rows', 100)
    expect(createHash('sha256').update(first.values).digest('hex')).toBe(
      '012403b379fd470c9daa475e7c40c29c1e50d24b7e5fbd3291b22cfb13767749',
    )
  })

  it('have a variance that falls with the column', async () => {
    const { values } = await clusterVectors({ ...SMALL, clusters: 1000 }, 'rows', 20_000)
    const variance = (column: number) =>
      values.reduce((sum, value, at) => sum + (at % SMALL.dim === column ? value * value : 0), 0) / 20_000
    expect(variance(0)).toBeCloseTo(1 + SMALL.width ** 2, 0)
    expect(variance(4) / variance(0)).toBeCloseTo(0.5, 1)
  })

  it('have queries that are no rows, and a longer run begins like a shorter one', async () => {
    const { base, queries } = await smallVectors('l2')
    expect(rowsFoundIn(queries, base)).toEqual([])
    const longer = await clusterVectors(SMALL, 'rows', 400)
    expect(longer.values.subarray(0, base.values.length)).toEqual(base.values)
  })
})

it('rows found in others', () => {
  const others = matrix(2, [1, 2, 3, 4, 0, 5])
  expect(rowsFoundIn(matrix(2, [3, 4, 4, 3, 1, 2, 3, 4, -0, 5]), others)).toEqual([0, 2, 3])
})

describe('truth', () => {
  it.each(METRICS)('stands up to plain loops and its own claims: %s', async (metric) => {
    const vectors = await smallVectors(metric)
    const truth = await exactTruth(vectors)
    expect(truth.depth).toBe(100)
    crossCheck(vectors, truth)
    checkClaim(vectors, truth, truth.neighbours, truth.depth)
    expect(recallOf({ ...vectors, ...truth }, answersOf(truth.neighbours, 100), 100)).toBe(1)
  })

  it('is as deep as there are rows', async () => {
    const vectors = await smallVectors('l2', 7)
    const truth = await exactTruth(vectors)
    expect(truth.depth).toBe(7)
    crossCheck(vectors, truth)
  })

  it.each([
    [
      'a neighbour that is another row',
      (n: Uint32Array) => n.fill(n[250]!, 0, 1),
      'neighbour 1: expected row',
    ],
    ['a neighbour twice', (n: Uint32Array) => n.fill(n[3]!, 4, 5), 'neighbour 5: expected row'],
    ['no row at all', (n: Uint32Array) => n.fill(300, 9, 10), 'neighbour 10: expected row'],
  ])('is refused with %s', async (_, tamper, message) => {
    const vectors = await smallVectors('cosine')
    const truth = await exactTruth(vectors)
    tamper(truth.neighbours)
    expect(() => crossCheck(vectors, truth)).toThrow(`truth of query 0, ${message}`)
  })

  it('is refused when it lacks the nearest row, and when a claim is nearer', async () => {
    const vectors = await smallVectors('l2')
    const truth = await exactTruth(vectors)
    const without = { ...truth, neighbours: truth.neighbours.slice(), distances: truth.distances.slice() }
    without.neighbours.copyWithin(0, 1, 100)
    without.distances.copyWithin(0, 1, 100)
    const nearest = truth.neighbours[0]
    expect(() => crossCheck(vectors, without)).toThrow(`neighbour 1: expected row ${nearest} at`)
    expect(() => checkClaim(vectors, without, truth.neighbours, 100)).toThrow('truth of query 0, neighbour 1')
    expect(() => checkClaim(vectors, truth, Uint32Array.of(300), 1)).toThrow('no row 300 of 300')
  })
})

const answersOf = (slots: Uint32Array, k: number) =>
  Array.from({ length: slots.length / k }, (_, query) =>
    Array.from(slots.subarray(query * k, (query + 1) * k)),
  )

describe('recall', async () => {
  // Rows 0 … 7 on a line at 0, 1, 2, 2, 2, 3, 4, 5; the query at 0.
  const vectors = {
    metric: 'l2' as const,
    base: matrix(1, [0, 1, 2, 2, 2, 3, 4, 5]),
    queries: matrix(1, [0]),
  }
  const line: Loaded = { ...vectors, ...(await exactTruth(vectors)) }

  it.each([
    ['all right', [0, 1, 2], 3, 1],
    ['any of the ties', [4, 1, 0], 3, 1],
    ['ties beyond k', [2, 3, 4], 3, 1],
    ['one beyond the k-th', [0, 1, 5], 3, 2 / 3],
    ['one slot thrice', [0, 0, 0], 3, 1 / 3],
    ['slots that are none', [0, 8, -1], 3, 1 / 3],
    ['what is no slot', [0, Number.NaN, 0.5], 3, 1 / 3],
    ['too few', [1], 3, 1 / 3],
    ['none', [], 3, 0],
    ['more than asked for', [7, 6, 0, 1, 2], 2, 0],
    ['fewer rows than k', [7, 6, 5, 4, 3, 2, 1, 0], 8, 1],
    ['k beyond the rows', [7, 6, 5, 4, 3, 2, 1, 0], 10, 1],
  ])('%s', (_, slots, k, expected) => {
    expect(recallOf(line, [slots], k)).toBeCloseTo(expected, 12)
  })

  it('forgives what float32 cannot tell apart, and no more', async () => {
    const near = matrix(2, [1, 0, 1, 2e-4, 1, 3e-3])
    const pair = { metric: 'cosine' as const, base: near, queries: matrix(2, [1, 0]) }
    const loaded = { ...pair, ...(await exactTruth(pair)) }
    expect(recallOf(loaded, [[1]], 1)).toBe(1)
    expect(recallOf(loaded, [[2]], 1)).toBe(0)
  })

  it('refuses answers to other queries and a k deeper than the truth', () => {
    expect(() => recallOf(line, [], 3)).toThrow('expected answers to 1 queries, received 0')
    expect(() => recallOf(line, [[0]], 0)).toThrow('expected k from 1 to 8')
    expect(() => recallOf({ ...line, depth: 2 }, [[0]], 3)).toThrow("the truth's depth, received 3")
  })
})

describe('prepare', () => {
  const rows = Array.from({ length: 60 }, (_, row) => [
    Int32Array.of(2),
    Float32Array.of(row, row * row),
  ]).flat()
  const store = () => join(folder, 'store')

  it('makes a file ready once, the last rows as queries, and leaves nothing else', async () => {
    const path = await file('mine.fvecs', ...rows)
    const phases: string[] = []
    const onProgress = ({ phase }: { phase: string }) => phases.push(phase)
    const dataset = await prepare(path, { folder: store(), onProgress })
    expect(dataset).toMatchObject({ name: 'mine', metric: 'l2', rows: 54, dim: 2, queries: 6, depth: 54 })
    expect(dataset.about).toBe('mine.fvecs, its last rows held out as queries')
    const loaded = await loadDataset(dataset)
    expect(Array.from(loaded.queries.values.subarray(0, 2))).toEqual([54, 54 * 54])
    expect(loaded.neighbours[0]).toBe(53)
    expect(loaded.distances[0]).toBe(1 + (54 * 54 - 53 * 53) ** 2)
    expect(await readdir(store())).toHaveLength(1)
    expect(phases).toEqual(expect.arrayContaining(['truth', 'check', 'write']))
    phases.length = 0
    expect(await prepare(path, { folder: store(), onProgress })).toEqual(dataset)
    expect(phases).toEqual([])
    await writeFile(dataset.paths.base, 'cut')
    await expect(loadDataset(dataset)).rejects.toThrow('expected 432 bytes, received 3')
  })

  it('makes it anew for another metric, and takes queries from the file beside it', async () => {
    const path = await file('my_base.fvecs', ...rows)
    await file('my_query.fvecs', Int32Array.of(2), Float32Array.of(1, 1))
    const dataset = await prepare(path, { folder: store() })
    expect(dataset).toMatchObject({ rows: 60, queries: 1, metric: 'l2' })
    expect(await prepare(path, { folder: store(), metric: 'ip' })).toMatchObject({ rows: 60, metric: 'ip' })
  })

  it('reads HDF5 of ann-benchmarks, by its attribute or its name', async () => {
    const { base, queries } = await smallVectors('cosine')
    const { neighbours } = await exactTruth({ base, queries, metric: 'cosine' })
    const { File } = await loadH5wasm()
    const write = (name: string, distance: string | undefined, slots: Int32Array) => {
      const h5 = new File(join(folder, name), 'w')
      h5.create_dataset({ name: 'train', data: base.values, shape: [300, 8] })
      h5.create_dataset({ name: 'test', data: queries.values, shape: [40, 8] })
      h5.create_dataset({ name: 'neighbors', data: slots, shape: [40, 100] })
      if (distance) h5.create_attribute('distance', distance)
      h5.close()
      return join(folder, name)
    }
    const slots = Int32Array.from(neighbours)
    const good = write('made.hdf5', 'angular', slots)
    const dataset = await prepare(good, { folder: store() })
    expect(dataset).toMatchObject({
      name: 'made',
      metric: 'cosine',
      rows: 300,
      dim: 8,
      queries: 40,
      depth: 100,
    })
    expect((await loadDataset(dataset)).base).toEqual(base)
    const byName = write('made-8-euclidean.hdf5', undefined, slots)
    expect(await prepare(byName, { folder: store() })).toMatchObject({ metric: 'l2' })
    const unknown = write('sets.hdf5', 'jaccard', slots)
    await expect(prepare(unknown, { folder: store() })).rejects.toThrow('received jaccard')
    const wrong = write(
      'wrong.hdf5',
      'angular',
      slots.map(() => 300),
    )
    await expect(prepare(wrong, { folder: store() })).rejects.toThrow('no row 300 of 300')
    expect((await readdir(store())).filter((name) => name.startsWith('.'))).toEqual([])
    await expect(prepare(good, { folder: store(), queries: 'x.npy' })).rejects.toThrow('holds its own')
  })

  it('refuses names that are neither', async () => {
    await expect(prepare('verse')).rejects.toThrow(
      'expected one of verses, verses768, words, clusters-10k-128',
    )
    await expect(prepare(await file('a.txt', ''))).rejects.toThrow(
      'ending in .fvecs, .npy, .hdf5, .h5, received .txt',
    )
    await expect(prepare('verses', { metric: 'l2' })).rejects.toThrow('those options are for files')
    expect(new Set(DATASETS.map(({ name }) => name)).size).toBe(DATASETS.length)
  })
})
