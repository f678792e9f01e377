/** Batches, seen from outside: their order, their refusals, their keys. */
import { expect, test } from 'vitest'
import { house } from './house.ts'
import { model } from './model.ts'

test('batches take their steps one after the other, in the order of the calls', async () => {
  const backend = model()
  const index = await house(backend).createIndex({ dim: 1 })
  const rows = (count: number) => new Float32Array(count)
  const added = await Promise.all([rows(25), rows(3), rows(0)].map((batch) => index.add(batch)))
  expect(added).toEqual([
    { added: 25, first: 0 },
    { added: 3, first: 25 },
    { added: 0, first: 28 },
  ])
  const ends = backend.calls.filter((call) => call.startsWith('add')).map((call) => call.split(' ')[1])
  expect(ends).toEqual([...ends].sort())
  expect(index.size).toBe(28)
})

test('an aborted batch is dropped, and the one behind it goes on', async () => {
  const backend = model()
  const index = await house(backend).createIndex({ dim: 1 })
  const control = new AbortController()
  const first = index.add(new Float32Array(40), {
    signal: control.signal,
    onProgress: () => control.abort(new Error('enough')),
  })
  const second = index.add([[5]], { keys: [77] })
  await expect(first).rejects.toThrow('enough')
  expect(await second).toEqual({ added: 1, first: 0 })
  expect(await index.search([5])).toEqual([{ key: 77, distance: 0 }])
  expect(backend.alive.size).toBe(1)
})

test('keys are known when a search first sees their rows', async () => {
  const backend = model()
  const index = await house(backend).createIndex({ dim: 1 })
  await index.add([[1], [2]], { keys: [10, 20] })
  let seen: unknown
  backend.gate = async () => {
    if (backend.calls.at(-1)?.startsWith('addFinish')) seen = index.searchSync([3], { k: 1 })[0]?.key
  }
  await index.add([[3]], { keys: [2 ** 40] })
  expect(seen).toBe(2 ** 40)
  expect(() => index.searchInto([3], new Uint32Array(1), new Float32Array(1))).toThrow(/1099511627776/)
})
