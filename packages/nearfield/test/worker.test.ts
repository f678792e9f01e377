/** Client and host over a real message channel: same answers, inputs untouched, death heard by everyone. */
import { describe, expect, it, vi } from 'vitest'
import { nearfield } from '../src/api/nearfield.ts'
import type { Backend } from '../src/backend.ts'
import { Choices } from '../src/backends/choose.ts'
import { type Connection, connectWorker, type PoolParts } from '../src/backends/worker-client.ts'
import { type StartThreads, serveBackend } from '../src/backends/worker-host.ts'
import { POOL_CHANNEL, type Port, type Spec } from '../src/backends/worker-messages.ts'
import { line, refuses } from './house.ts'
import { type Model, model } from './model.ts'

const spec: Spec = { variant: 'single', threads: 0, why: 'a test', poolName: 'pool' }

function channel(backend: Backend | Error) {
  const { port1, port2 } = new MessageChannel()
  serveBackend(port2 as unknown as Port, async () => {
    if (backend instanceof Error) throw backend
    return backend
  })
  const end = vi.fn(() => port1.close())
  const connection = { port: port1 as unknown as Connection['port'], end }
  return { connection, end, port1 }
}

/** A facade whose every load is the next of `models`, each behind a channel of its own. */
function paged(models: Model[]) {
  const ports: MessagePort[] = []
  const choices = new Choices([
    {
      kind: 'wasm',
      load: (_, died) => {
        const { connection, port1 } = channel(models.shift()!)
        ports.push(port1)
        return connectWorker(connection, spec, died)
      },
    },
  ])
  return {
    ports,
    ...nearfield({ choices, files: null, locate: (url) => ({ url: new URL(url) }), preferences: {} }),
  }
}

describe('over a channel', () => {
  it('answers as in place, and leaves inputs alone', async () => {
    const { buildIndex, openIndex } = paged([model()])
    const vectors = line(100)
    const index = await buildIndex(vectors, {
      dim: 4,
      keys: Array.from({ length: 100 }, (_, i) => `k${i}`),
    })
    expect(vectors).toEqual(line(100))
    const query = line(200).subarray(40, 44)
    expect(await index.search(query, { k: 1 })).toEqual([{ key: 'k10', distance: 0 }])
    expect([...(await index.searchBatch(line(3), { k: 1 })).keys]).toEqual(['k0', 'k1', 'k2'])
    const bytes = await index.toBytes()
    expect((await openIndex(bytes)).stats()).toEqual(index.stats())
    expect(bytes.length).toBeGreaterThan(0)
    await refuses(() => index.search([Number.NaN, 0, 0, 0]), 'NOT_FINITE', /NaN at column 0/)
    await refuses(() => index.searchSync(query), 'BLOCKING', /would block the page/)
    await refuses(() => index.save('file:///tmp/x'), 'IO', /use a WritableStream or toBytes/)
    await index.close()
  })

  it('tells why loading failed', async () => {
    const { connection, end } = channel(new Error('BACKEND: no SIMD here'))
    await refuses(() => connectWorker(connection, spec), 'BACKEND', /no SIMD here/)
    expect(end).toHaveBeenCalledOnce()
  })

  it('shutdown ends the worker and refuses what follows', async () => {
    const { connection, end } = channel(model())
    const backend = await connectWorker(connection, spec)
    await backend.shutdown()
    await backend.shutdown()
    expect(end).toHaveBeenCalledOnce()
    await refuses(() => backend.describe(1), 'CLOSED', /shut down/)
  })
})

describe('threads', () => {
  const request = { count: 3, module: 'm', memory: new SharedArrayBuffer(8), receiver: 16, name: 'pool' }

  function threaded(startThreads?: PoolParts['startThreads']) {
    const { port1, port2 } = new MessageChannel()
    serveBackend(port2 as unknown as Port, async (_, start: StartThreads) => {
      await start(request)
      return model()
    })
    const end = vi.fn(() => port1.close())
    const port = port1 as unknown as Connection['port']
    const instantiate: PoolParts['instantiate'] = () => Promise.reject(new Error('no module'))
    const loadPool = startThreads && (async () => ({ startThreads, instantiate }))
    return { end, opened: connectWorker({ port, end, ...(loadPool && { loadPool }) }, spec) }
  }

  it('are started by the client before the backend opens, and ended with it', async () => {
    const endThreads = vi.fn()
    const startThreads = vi.fn(async () => endThreads)
    const backend = await threaded(startThreads).opened
    expect(startThreads).toHaveBeenCalledExactlyOnceWith(request)
    expect(endThreads).not.toHaveBeenCalled()
    await backend.shutdown()
    expect(endThreads).toHaveBeenCalledOnce()
  })

  it('that do not start fail the opening with their reason', async () => {
    const refused = threaded(async () => {
      throw new Error('BACKEND: a pool worker did not start: no such script')
    })
    await refuses(() => refused.opened, 'BACKEND', /did not start: no such script/)
    expect(refused.end).toHaveBeenCalledOnce()
    await refuses(() => threaded().opened, 'BACKEND', /no threads can be started here/)
  })
})

describe('death', () => {
  const never = () => new Promise<void>(() => {})

  it('of the instance: a trap rejects every promise, later calls too; the next build gets a new worker', async () => {
    const first = model()
    const { buildIndex } = paged([first, model()])
    const index = await buildIndex(line(10), { dim: 4 })
    first.gate = never
    const pending = [index.search(line(1)), index.searchBatch(line(2)), index.toBytes()]
    const settled = Promise.allSettled(pending)
    first.describe = () => Promise.reject(new WebAssembly.RuntimeError('unreachable'))
    first.gate = () => Promise.reject(new WebAssembly.RuntimeError('unreachable'))
    await refuses(() => index.search(line(1)), 'BACKEND', /the worker of the backend died: .*unreachable/)
    for (const result of await settled)
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'BACKEND' } })
    await refuses(() => index.search(line(1)), 'BACKEND', /died/)
    const next = await buildIndex(line(10), { dim: 4 })
    expect(await next.search(line(1), { k: 1 })).toEqual([{ key: 0, distance: 0 }])
    await refuses(() => index.search(line(1)), 'BACKEND', /died/)
  })

  it('of the worker itself, also while loading', async () => {
    const stuck = new EventTarget()
    const end = vi.fn()
    const port = Object.assign(stuck, { postMessage: () => {} }) as unknown as Connection['port']
    const opening = connectWorker({ port, end }, spec)
    stuck.dispatchEvent(Object.assign(new Event('error'), { message: 'out of memory' }))
    await refuses(() => opening, 'BACKEND', /the worker of the backend died: out of memory/)
    expect(end).toHaveBeenCalledOnce()
  })

  it('of a pool thread, heard on the channel', async () => {
    const backend = model()
    backend.gate = never
    const { connection } = channel(backend)
    const died = vi.fn()
    const client = await connectWorker(connection, { ...spec, variant: 'threads' }, died)
    const pending = client.buildStep(1, 0)
    const news = new BroadcastChannel(POOL_CHANNEL)
    news.postMessage({ type: 'pool-trap', pool: 'another', message: 'not ours' })
    news.postMessage({ type: 'pool-trap', pool: 'pool', message: 'a thread stopped' })
    await refuses(() => pending, 'BACKEND', /a thread stopped/)
    expect(died).toHaveBeenCalledOnce()
    news.close()
  })
})
