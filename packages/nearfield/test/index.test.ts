/** An index's life: answers, progress, aborting, closing, saving to streams and bytes. */
import { describe, expect, it } from 'vitest'
import { NearfieldError, type Progress } from '../src/api/nearfield.ts'
import { house, line, refuses } from './house.ts'
import { model } from './model.ts'

const query = Float32Array.of(2.2, 0, 0, 0)

describe('answers', () => {
  it('into the caller’s arrays', async () => {
    const index = await house().buildIndex(line(50), { dim: 4 })
    const slots = new Uint32Array(3)
    const keys = new Float64Array(3)
    const distances = new Float32Array(3)
    expect(index.searchInto(query, slots, distances)).toBe(3)
    expect(index.searchInto(query, keys, distances)).toBe(3)
    expect([...slots]).toEqual([2, 3, 1])
    expect([...keys]).toEqual([2, 3, 1])
    expect(distances[0]).toBeCloseTo(0.04, 5)
    expect(index.searchInto(query, keys.fill(-1), distances, { k: 1 })).toBe(1)
    expect([...keys]).toEqual([2, -1, -1])
  })

  it('refuses arrays that keys do not fit', async () => {
    const { buildIndex } = house()
    const index = await buildIndex(line(3), { dim: 4, keys: [1, 2 ** 40, 3] })
    const text = await buildIndex(line(3), { dim: 4, keys: ['a', 'b', 'c'] })
    const out = new Float32Array(3)
    await refuses(
      () => index.searchInto(query, new Uint32Array(3), out),
      'KEY',
      /key 1099511627776 does not fit/,
    )
    await refuses(
      () => text.searchInto(query, new Float64Array(3), out),
      'KEY',
      /keys of this index are strings/,
    )
    await refuses(
      () => index.searchInto(query, new Float64Array(2), out, { k: 3 }),
      'OPTION',
      /room for k = 3 answers, they have room for 2/,
    )
    await refuses(
      () => index.searchInto(query, [] as never, out),
      'OPTION',
      /keysOut must be a Float64Array or a Uint32Array, received an array of 0/,
    )
    await refuses(
      () => index.searchInto(query, new Float64Array(3), [] as never),
      'OPTION',
      /distancesOut must be a Float32Array/,
    )
  })

  it('batches flat, short rows marked', async () => {
    const index = await house().buildIndex(line(2), { dim: 4 })
    const hits = await index.searchBatch(line(2), { k: 5 })
    expect(hits.k).toBe(2)
    expect([...hits.keys]).toEqual([0, 1, 1, 0])
    expect([...hits.counts]).toEqual([2, 2])
    expect(hits.row(1)).toEqual([
      { key: 1, distance: 0 },
      { key: 0, distance: 1 },
    ])
    expect(() => hits.row(2)).toThrow(RangeError)
  })

  it('batches larger than a chunk are whole, in order, and the caller may change them meanwhile', async () => {
    const { backend, buildIndex } = house()
    const index = await buildIndex(line(2500), { dim: 4, threads: 2 })
    const queries = line(2500)
    const pending = index.searchBatch(queries, { k: 1 })
    queries.fill(0)
    expect([...(await pending).keys]).toEqual(Array.from({ length: 2500 }, (_, i) => i))
    expect(backend.calls.filter((call) => call.startsWith('searchBatch'))).toEqual([
      'searchBatch 1024 2',
      'searchBatch 1024 2',
      'searchBatch 452 2',
    ])
  })

  it('recall counts by distance', async () => {
    const index = await house().buildIndex([[0], [0], [0], [5], [9]], { dim: 1, kind: 'hnsw' })
    expect(await index.recall([[0]], { k: 2 })).toBe(1)
    expect(await index.recall([[0]], { k: 2, ef: 1 })).toBe(1) // other rows, as near
    expect(await index.recall([[9]], { k: 2, ef: 1 })).toBe(0.5) // 5 and 0 for 9 and 5
    await refuses(() => index.recall([], {}), 'OPTION', /at least one query/)
  })

  it('a page gets BLOCKING', async () => {
    const index = await house(model({ sync: false })).buildIndex(line(3), { dim: 4 })
    await refuses(() => index.searchSync(query), 'BLOCKING', /searchSync would block the page/)
    await refuses(
      () => index.searchInto(query, new Uint32Array(3), new Float32Array(3)),
      'BLOCKING',
      /searchInto/,
    )
  })
})

describe('progress', () => {
  it('never falls, and tells every phase', async () => {
    const { buildIndex, openIndex } = house()
    const seen: Progress[] = []
    const onProgress = (progress: Progress) => void seen.push(progress)
    const index = await buildIndex(line(100), { dim: 4, onProgress })
    const bytes = await index.toBytes({ onProgress })
    await openIndex(bytes, { onProgress })
    await index.searchBatch(line(2000), { onProgress })
    expect([...new Set(seen.map(({ phase }) => phase))]).toEqual(['link', 'done', 'write', 'read', 'search'])
    for (const phase of ['link', 'write', 'read', 'search']) {
      const reports = seen.filter((each) => each.phase === phase)
      expect(reports.map(({ done }) => done)).toEqual(
        reports.map(({ done }) => done).toSorted((a, b) => a - b),
      )
      expect(reports.at(-1)!.done).toBe(reports.at(-1)!.total)
    }
    expect(
      seen.filter(({ phase }) => phase === 'read').every((each) => each.rowsPerSecond === undefined),
    ).toBe(true)
  })

  it('what onProgress throws ends the call and frees the builder', async () => {
    const { backend, buildIndex } = house()
    const stop = () => {
      throw new RangeError('enough')
    }
    await expect(buildIndex(line(100), { dim: 4, onProgress: stop })).rejects.toThrow('enough')
    expect(backend.alive.size).toBe(0)
  })
})

describe('aborting', () => {
  it('rejects a build with the reason and frees the builder', async () => {
    const { backend, buildIndex } = house()
    const stop = new AbortController()
    const reason = { because: 'bored' }
    const onProgress = ({ done }: Progress) => done >= 50 && stop.abort(reason)
    await expect(buildIndex(line(100), { dim: 4, signal: stop.signal, onProgress })).rejects.toBe(reason)
    expect(backend.alive.size).toBe(0)
    expect(backend.calls.filter((call) => call.startsWith('buildStep'))).toHaveLength(5)
  })

  it('before anything began', async () => {
    const { backend, buildIndex, openIndex } = house()
    const signal = AbortSignal.abort('early')
    await expect(buildIndex(line(3), { dim: 4, signal })).rejects.toBe('early')
    await expect(openIndex(new Uint8Array(3), { signal })).rejects.toBe('early')
    expect(backend.calls).toEqual([])
  })

  it('in mid-batch, mid-save and mid-search leaves the index usable', async () => {
    const { backend, buildIndex } = house()
    const index = await buildIndex(line(100), { dim: 4 })
    const stop = new AbortController()
    const after = (progress: Progress) => progress.done > 0 && stop.abort('stop')
    await expect(index.searchBatch(line(3000), { signal: stop.signal, onProgress: after })).rejects.toBe(
      'stop',
    )
    expect(backend.calls.filter((call) => call.startsWith('searchBatch'))).toHaveLength(1)
    await expect(index.recall(line(3), { signal: stop.signal })).rejects.toBe('stop')
    await expect(index.toBytes({ signal: stop.signal })).rejects.toBe('stop')
    const late = new AbortController()
    backend.gate = () => new Promise((done) => setTimeout(done, 5))
    const search = index.search(query, { signal: late.signal })
    late.abort('late')
    await expect(search).rejects.toBe('late')
    backend.gate = async () => {}
    expect((await index.search(query, { k: 1 }))[0]!.key).toBe(2)
  })

  it('reaches work that never leaves this thread', async () => {
    const { backend, buildIndex } = house()
    backend.gate = async () => {
      for (const end = performance.now() + 15; performance.now() < end; ); // blocks, as in-process WebAssembly does
    }
    const signal = AbortSignal.timeout(20)
    const thrown = await buildIndex(line(10_000), { dim: 4, signal }).catch((error: unknown) => error)
    expect(signal.aborted).toBe(true)
    expect(thrown).toBe(signal.reason)
    expect(backend.alive.size).toBe(0)
  })
})

describe('short searches', () => {
  it('answer on this thread, until the turn of the event loop has had enough', async () => {
    const { backend, buildIndex } = house()
    const index = await buildIndex(line(30), { dim: 4 })
    await new Promise((done) => setTimeout(done, 1)) // a fresh turn
    expect((await index.search(query, { k: 1 }))[0]!.key).toBe(2)
    expect(backend.calls).not.toContain('search')
    let ran = false
    setTimeout(() => {
      ran = true
    })
    for (let at = 0; at < 1e6 && !ran; at++) await index.search(query, { k: 1 })
    expect(ran).toBe(true)
    expect(backend.calls).toContain('search')
  })

  it('are left to the backend where they are long', async () => {
    const { backend, buildIndex } = house()
    const index = await buildIndex(line(2000, 2048), { dim: 2048 })
    await index.search(new Float32Array(2048), { k: 1 })
    expect(backend.calls).toContain('search')
  })
})

describe('closing', () => {
  it('lets calls finish, then frees, then refuses', async () => {
    const { backend, buildIndex } = house(model({ sync: false }))
    const index = await buildIndex(line(30), { dim: 4 })
    let open = () => {}
    backend.gate = () => new Promise<void>((done) => (open = done))
    const search = index.search(query, { k: 1 })
    const closed = index.close()
    expect(backend.alive.size).toBe(1)
    await refuses(() => index.search(query), 'CLOSED', /the index is closed/)
    open()
    expect(await search).toEqual([{ key: 2, distance: expect.closeTo(0.04, 5) }])
    await closed
    expect(backend.alive.size).toBe(0)
    await index.close()
    for (const call of [
      () => index.searchSync(query),
      () => index.searchInto(query, new Uint32Array(1), new Float32Array(1)),
      () => index.searchBatch(line(1)),
      () => index.recall(line(1)),
      () => index.save('/nowhere/file'),
      () => index.toBytes(),
      () => index.stats(),
      () => index.check(),
    ]) {
      await refuses(call, 'CLOSED', /the index is closed/)
    }
  })

  it('ends a long batch between chunks', async () => {
    const { buildIndex } = house()
    const index = await buildIndex(line(30), { dim: 4 })
    let closed: Promise<void> | undefined
    const onProgress = () => {
      closed ??= index.close()
    }
    const batch = index.searchBatch(line(3000), { onProgress })
    await expect(batch).rejects.toMatchObject({ code: 'CLOSED' })
    await closed
  })

  it('await using closes', async () => {
    const { backend, buildIndex } = house()
    {
      await using index = await buildIndex(line(3), { dim: 4 })
      expect(index.size).toBe(3)
    }
    expect(backend.alive.size).toBe(0)
  })
})

describe('files', () => {
  it('to bytes, a Blob, an ArrayBuffer, a stream and back', async () => {
    const { buildIndex, openIndex } = house()
    const index = await buildIndex(line(300), {
      dim: 4,
      keys: Array.from({ length: 300 }, (_, i) => `row ${i}`),
    })
    const bytes = await index.toBytes()
    const parts: Uint8Array[] = []
    await index.save(new WritableStream<Uint8Array>({ write: (part) => void parts.push(part) }))
    expect(new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer())).toEqual(bytes)
    for (const source of [
      bytes,
      new Blob([bytes]),
      bytes.buffer,
      new URL(`data:application/octet-stream;base64,${btoa(String.fromCharCode(...bytes))}`),
    ]) {
      const again = await openIndex(source)
      expect(await again.search(query, { k: 1 })).toEqual([
        { key: 'row 2', distance: expect.closeTo(0.04, 5) },
      ])
      expect(again.stats()).toEqual(index.stats())
    }
  })

  it('a stream that fails fails the save', async () => {
    const index = await house().buildIndex(line(3), { dim: 4 })
    const full = new WritableStream<Uint8Array>({ write: () => Promise.reject(new Error('full')) })
    await expect(index.save(full)).rejects.toThrow('full')
    await refuses(() => index.save(7 as never), 'OPTION', /save needs a path, .* received 7/)
    await refuses(() => index.save('https://example.org/x'), 'IO', /use a WritableStream or toBytes/)
  })

  it('errors are one class with a cause', async () => {
    const error = await house()
      .openIndex(new Uint8Array(2))
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(NearfieldError)
    expect((error as NearfieldError).cause).toBeInstanceOf(Error)
  })
})
