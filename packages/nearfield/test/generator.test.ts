/** The generator's position, its refusals and its ways to give bytes, over a model whose bytes are known. */
import { expect, test } from 'vitest'
import type { Generator } from '../src/api/generator.ts'
import { house, refuses } from './house.ts'
import { byteAt, model } from './model.ts'

const SIZE = 1000
const expected = Uint8Array.from({ length: SIZE }, (_, at) => byteAt(at))

async function made(options = {}, backend = model()): Promise<Generator> {
  const generator = new (house(backend).Generator)({ size: SIZE, ...options })
  await generator.ready
  return generator
}

test('chunks of any size make one stream, short at its end and empty after it', async () => {
  for (const bytes of [1, 7, 333, 999, 1000, 1001]) {
    const generator = await made()
    const buffer = new Uint8Array(bytes)
    const got: number[] = []
    for (;;) {
      const count = generator.fillChunk(buffer)
      if (count === 0) break
      got.push(...buffer.subarray(0, count))
      expect(generator.position).toBe(got.length)
    }
    expect(got).toEqual([...expected])
    expect(generator.done).toBe(true)
    generator.reset()
    expect([generator.position, generator.done]).toEqual([0, false])
    generator.seek(990)
    expect(await generator.fillChunkAsync(new Uint8Array(64))).toBe(10)
    expect(await generator.fillChunkAsync(new Uint8Array(64))).toBe(0)
  }
})

test('every sort of memory is filled where it is', async () => {
  const generator = await made()
  const memory = new ArrayBuffer(64)
  for (const [buffer, from, to] of [
    [memory, 0, 64],
    [new SharedArrayBuffer(64), 0, 64],
    [new Uint8Array(memory, 5, 40), 5, 45],
    [Buffer.from(memory, 8, 9), 8, 17],
    [new DataView(memory, 3, 2), 3, 5],
    [new Float32Array(memory, 4, 3), 4, 16],
  ] as const) {
    const whole = new Uint8Array(ArrayBuffer.isView(buffer) ? buffer.buffer : buffer)
    for (const fill of ['fillChunk', 'fillChunkAsync'] as const) {
      whole.fill(0xa5)
      generator.seek(100)
      expect(await generator[fill](buffer)).toBe(to - from)
      const wanted = new Uint8Array(64).fill(0xa5)
      wanted.set(expected.subarray(100, 100 + to - from), from)
      expect(whole).toEqual(wanted)
    }
  }
})

test('memory the backend offers is filled where it is, by name and not by copy', async () => {
  for (const sync of [true, false]) {
    const rooms = new SharedArrayBuffer(500)
    const backend = model({ sync, rooms })
    const generator = await made({ chunkSize: 64 }, backend)
    const [first, second] = [await generator.buffer(), await generator.buffer(100)]
    expect([first.length, second.length, second.byteOffset]).toEqual([64, 100, 64])
    const fills: (() => number | Promise<number>)[] = [() => generator.fillChunkAsync(second.subarray(7, 90))]
    if (sync) fills.push(() => generator.fillChunk(second.subarray(7, 90)))
    for (const fill of fills) {
      generator.seek(200)
      new Uint8Array(rooms).fill(0xa5)
      expect(await fill()).toBe(83)
      const wanted = new Uint8Array(500).fill(0xa5)
      wanted.set(expected.subarray(200, 283), 71)
      expect(new Uint8Array(rooms)).toEqual(wanted)
    }
    expect(backend.calls).toEqual(fills.map(() => 'generatorFillRoom'))
    // A view of the same memory that is no room's is memory as any.
    generator.seek(0)
    expect(await generator.fillChunkAsync(new Uint8Array(rooms, 10, 100))).toBe(100)
    expect(backend.calls.length).toBe(fills.length)
    generator.seek(990)
    expect(await generator.fillChunkAsync(first)).toBe(10)
    await refuses(() => generator.buffer(0), 'OPTION', /bytes/)
  }
  const plain = await made()
  expect((await plain.buffer(10)).buffer).toBeInstanceOf(ArrayBuffer)
})

test('calls that overlap have neighbouring bytes, and a failed one gives its own back', async () => {
  const backend = model()
  const generator = await made({}, backend)
  const buffers = [10, 20, 30].map((bytes) => new Uint8Array(bytes))
  await Promise.all(buffers.map((buffer) => generator.fillChunkAsync(buffer)))
  expect(buffers.flatMap((buffer) => [...buffer])).toEqual([...expected.subarray(0, 60)])
  backend.gate = () => Promise.reject(new Error('MEMORY: full'))
  await refuses(() => generator.fillChunkAsync(new Uint8Array(5)), 'MEMORY', /full/)
  expect(generator.position).toBe(60)
})

test('a buffer that is detached or resized on the way is an error', async () => {
  const backend = model({ sync: false })
  const generator = await made({ size: 40 << 20 }, backend)
  for (const spoil of [
    (buffer: ArrayBuffer) => void structuredClone(buffer, { transfer: [buffer] }),
    (buffer: ArrayBuffer) => buffer.resize(9 << 20),
  ]) {
    const buffer = new ArrayBuffer(20 << 20, { maxByteLength: 20 << 20 })
    backend.gate = async () => {
      backend.gate = async () => {}
      spoil(buffer)
    }
    generator.reset()
    await refuses(() => generator.fillChunkAsync(buffer), 'DIMENSION', /detached or resized/)
    expect(generator.position).toBe(0)
  }
})

test('chunks and streams give all that is left', async () => {
  const generator = await made({ chunkSize: 64 })
  generator.seek(3)
  const got: number[] = []
  for await (const chunk of generator.chunks()) {
    expect(chunk.length).toBeLessThanOrEqual(64)
    got.push(...chunk)
  }
  expect(got).toEqual([...expected.subarray(3)])
  generator.reset()
  const streamed: number[] = []
  for await (const chunk of generator.stream()) streamed.push(...chunk)
  expect(streamed).toEqual([...expected])
})

test('chunks take the memory of the last that ended, and never that of others under way', async () => {
  const generator = await made({ chunkSize: 64 })
  const places = new Set<ArrayBufferLike>()
  for (let turn = 0; turn < 3; turn++) {
    generator.reset()
    const got: number[] = []
    for await (const chunk of generator.chunks()) {
      places.add(chunk.buffer)
      got.push(...chunk)
    }
    expect(got).toEqual([...expected])
  }
  expect(places.size).toBe(1)
  generator.reset()
  const [one, other] = [generator.chunks(), generator.chunks()]
  const [first, second] = [await one.next(), await other.next()]
  expect((first.value as Uint8Array).buffer).not.toBe((second.value as Uint8Array).buffer)
  await one.return()
  await other.return()
})

test('a stream makes what is read and no more, into the buffer of its reader', async () => {
  const generator = await made({ chunkSize: 64 })
  const reader = generator.stream().getReader({ mode: 'byob' })
  let buffer = new ArrayBuffer(100)
  for (const position of [100, 200, 300]) {
    const { value } = await reader.read(new Uint8Array(buffer))
    expect(value).toEqual(expected.subarray(position - 100, position))
    expect(generator.position).toBe(position)
    buffer = value!.buffer as ArrayBuffer
    expect(buffer.byteLength).toBe(100)
  }
  await reader.cancel()
  expect(generator.position).toBe(300)
})

test('impossible options and buffers are refused', async () => {
  const { Generator } = house()
  for (const size of [0, -1, 1.5, NaN, Infinity, 2 ** 53, '5', undefined]) {
    await refuses(() => new Generator({ size: size as number }), 'OPTION', /size must be an integer from 1/)
  }
  for (const name of ['dedupRatio', 'compressRatio'] as const) {
    for (const ratio of [0, 0.99, -2, NaN, Infinity, '2']) {
      await refuses(
        () => new Generator({ size: 5, [name]: ratio as number }),
        'OPTION',
        new RegExp(`${name} must be a number from 1 to 1000000`),
      )
    }
  }
  await refuses(() => new Generator({ size: 5, numaMode: 'on' as 'off' }), 'OPTION', /numaMode/)
  await refuses(() => new Generator({ size: 5, chunkSize: 0 }), 'OPTION', /chunkSize/)
  await refuses(() => new Generator({ size: 5, seed: -1 }), 'OPTION', /seed/)
  await refuses(() => new Generator({ size: 5, sead: 1 } as never), 'OPTION', /unknown option 'sead'/)
  const generator = await made()
  const detached = new Uint8Array(8)
  structuredClone(detached, { transfer: [detached.buffer] })
  for (const buffer of [new Uint8Array(), new ArrayBuffer(0), detached, detached.buffer, 'x', null]) {
    for (const fill of ['fillChunk', 'fillChunkAsync'] as const) {
      await refuses(() => generator[fill](buffer as Uint8Array), 'DIMENSION', /the buffer/)
    }
  }
  for (const position of [-1, SIZE + 1, 0.5, NaN]) {
    await refuses(() => generator.seek(position), 'OPTION', /position/)
  }
})

test('before it is loaded and where nothing may block, fillChunk says so; closed, all do', async () => {
  const { Generator } = house(model({ sync: false }))
  await using generator = new Generator({ size: SIZE })
  await refuses(() => generator.fillChunk(new Uint8Array(5)), 'BLOCKING', /await generator.ready/)
  await generator.ready
  await refuses(() => generator.fillChunk(new Uint8Array(5)), 'BLOCKING', /use fillChunkAsync/)
  const numa = { mode: 'auto', pinned: true, why: 'as many as 0' }
  expect(generator.stats()).toMatchObject({ size: SIZE, position: 0, numa })
  const off = await made({ numaMode: 'off' })
  expect(off.stats().numa).toEqual({ mode: 'off', pinned: false, why: 'off' })
  await generator.close()
  await generator.close()
  await refuses(() => generator.fillChunkAsync(new Uint8Array(5)), 'CLOSED', /closed/)
})
