/** One file from every way of building it: each variant, one thread, the pool; and every variant opens it. */

import assert from 'node:assert/strict'
import type { WasmBackend } from '../../nearfield/src/backends/wasm.ts'
import { load, variants } from './load.ts'

const [rows, dim, k] = [3000, 48, 10]
const options = JSON.stringify({ dim, kind: 'hnsw', metric: 'cosine', codec: 'sq8', seed: 7 })
const walk = { k, ef: 100, exact: false, rerank: true }

/** The same numbers everywhere: mulberry32. */
function vectors(): Float32Array {
  let state = 1
  return Float32Array.from({ length: rows * dim }, () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1
  })
}

async function buildIndex(backend: WasmBackend, data: Float32Array, threads: number): Promise<number> {
  const builder = await backend.buildBegin(data, options, null, 1)
  while ((await backend.buildStep(builder, threads)).phase !== 'done');
  return backend.buildFinish(builder)
}

async function fileOf(backend: WasmBackend, index: number): Promise<Uint8Array> {
  const { bytes } = JSON.parse(await backend.describe(index)) as { bytes: number }
  return backend.readFile(index, 0, bytes)
}

export async function testFiles(): Promise<void> {
  const data = vectors()
  const backends: WasmBackend[] = []
  const built: Uint8Array[] = []
  for (const variant of variants) {
    const backend = await load(variant, variant === 'single' ? 1 : 2)
    assert.equal(backend.info.simd, variant === 'relaxed' ? 'relaxed-simd' : 'simd128')
    backends.push(backend)
    for (const threads of variant === 'single' ? [1] : [1, 2]) {
      const index = await buildIndex(backend, data, threads)
      await backend.check(index)
      built.push(await fileOf(backend, index))
      await backend.drop(index)
    }
  }
  for (const file of built.slice(1))
    assert.ok(Buffer.compare(file, built[0] as Uint8Array) === 0, 'files differ')

  const answers = []
  for (const backend of backends) {
    const file = built[0] as Uint8Array
    const loader = await backend.openBegin(file.length, '{}')
    for (let at = 0; at < file.length; at += 65_536)
      await backend.openWrite(loader, file.subarray(at, at + 65_536))
    const index = await backend.openFinish(loader, 2)
    const batch = await backend.searchBatch(index, data, walk, 0)
    const { slots, distances } = await backend.search(index, data.subarray(0, dim), walk)
    assert.deepEqual(slots, batch.slots.slice(0, k))
    assert.deepEqual(distances, batch.distances.slice(0, k))
    const itself = batch.counts.map((_, row) => Number(batch.slots[row * k] === row))
    assert.equal(
      itself.reduce((sum, one) => sum + one, 0),
      rows,
      'every vector finds itself',
    )
    await assert.rejects(backend.search(index, data.subarray(1, dim), walk), /^Error: DIMENSION: /)
    // A panic leaves the index as it was.
    await assert.rejects(backend.injectFault('pool-panic'), /^Error: BACKEND: /)
    assert.deepEqual((await backend.search(index, data.subarray(0, dim), walk)).slots, slots)
    answers.push(batch)
    await backend.drop(index)
    await assert.rejects(backend.check(index), /^Error: CLOSED: /)
  }
  for (const batch of answers.slice(1)) assert.deepEqual(batch, answers[0])
  await Promise.all(backends.map((backend) => backend.shutdown()))
}
