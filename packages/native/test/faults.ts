/**
 * What must not end the process: panics on every route, workers ended in mid-call, handles left to the
 * collector. Runs in any runtime that loads the addon:
 *
 *   node packages/native/test/faults.ts [rounds]      deno run -A …      bun …
 */

import { strictEqual } from 'node:assert/strict'
import { Worker } from 'node:worker_threads'
import { loadNative } from '../index.js'

const rounds = Number(process.argv[2] ?? 100)
const { addon } = loadNative()
const dim = 64
const rows = 2_000

function data(): Float32Array {
  let state = 1
  return Float32Array.from({ length: rows * dim }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32 - 0.5
  })
}

async function build(vectors: Float32Array, threads: number) {
  const builder = new addon.Builder(vectors, JSON.stringify({ dim, kind: 'hnsw' }), null, 1)
  while ((await builder.step(threads)).phase !== 'done');
  return builder.finish()
}

async function fails(what: () => unknown, pattern: RegExp): Promise<void> {
  let message = 'no error'
  try {
    await what()
  } catch (error) {
    message = (error as Error).message
  }
  if (!pattern.test(message)) throw new Error(`expected ${pattern}, got ${message}`)
}

async function panics(): Promise<void> {
  const vectors = data()
  const index = await build(vectors, 2)
  for (let round = 0; round < rounds; round++) {
    for (const kind of ['panic', 'task-panic', 'pool-panic']) {
      await fails(() => addon.injectFault(kind), /^BACKEND: .*injected/)
    }
  }
  const { slots } = await index.search(vectors.subarray(dim * 7, dim * 8), 1, 0, false, true)
  strictEqual(slots[0], 7)
  index.close()
  await fails(() => index.search(vectors.subarray(0, dim), 1, 0, false, true), /^CLOSED: /)
}

async function refusals(): Promise<void> {
  const vectors = data()
  const index = await build(vectors, 1)
  const query = vectors.slice(0, dim)
  const [slots, distances] = [new Uint32Array(10), new Float32Array(10)]
  const into = (k: number, effort: number) => () =>
    index.searchInto(query, k, effort, false, true, slots, distances)
  for (const wrong of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 32]) {
    await fails(into(wrong, 0), /^OPTION: k: expected an integer/)
    await fails(into(10, wrong), /^OPTION: effort: expected an integer/)
  }
  const shared = new ArrayBuffer(40)
  const overlapping = () =>
    index.searchInto(query, 10, 0, false, true, new Uint32Array(shared), new Float32Array(shared))
  await fails(overlapping, /^OPTION: .*overlap/)
  await fails(() => index.searchInto(query.subarray(1), 10, 0, false, true, slots, distances), /^DIMENSION: /)
  await fails(() => addon.Index.openMapped('/nowhere/x.nfx', '{}', 1), /^IO: .*\/nowhere\/x\.nfx.*os error 2/)
  strictEqual(index.searchInto(query, 10, 0, false, true, slots, distances), 10)
  strictEqual(slots[0], 0)
}

/** The array may be overwritten as soon as the call has returned its promise. */
async function snapshots(): Promise<void> {
  const vectors = data()
  const index = await build(vectors, 2)
  const calls: Promise<number | undefined>[] = []
  const query = new Float32Array(dim)
  for (let row = 0; row < rounds; row++) {
    query.set(vectors.subarray(row * dim, (row + 1) * dim))
    calls.push(index.search(query, 1, 0, true, true).then(({ slots }) => slots[0]))
  }
  structuredClone(query, { transfer: [query.buffer] })
  const found = await Promise.all(calls)
  for (let row = 0; row < rounds; row++) strictEqual(found[row], row)
}

async function workers(): Promise<void> {
  for (let round = 0; round < Math.ceil(rounds / 10); round++) {
    const worker = new Worker(new URL('./busy.ts', import.meta.url))
    await new Promise<void>((resolve, reject) => {
      worker.once('message', () => resolve())
      worker.once('error', reject)
    })
    await new Promise((resolve) => setTimeout(resolve, round % 7))
    await worker.terminate()
  }
}

async function collected(): Promise<void> {
  const vectors = data()
  for (let round = 0; round < Math.ceil(rounds / 10); round++) {
    const index = await build(vectors, 2)
    void index.search(vectors.subarray(0, dim), 1, 0, false, true)
    if (globalThis.gc) globalThis.gc()
  }
}

for (const test of [panics, refusals, snapshots, workers, collected]) {
  await test()
  console.log(`ok ${test.name}`)
}
