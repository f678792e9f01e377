/**
 * A model of a backend: exact search in plain TypeScript, files as JSON, everything in memory. It
 * keeps the contract of `Backend` (copies at entry, errors as `CODE: message`, handles never reused)
 * and can be told to wait or to fail, so that the facade's behaviour can be seen from outside.
 */
import type { Backend, KeyColumn, Phase, RawHits, SearchParams, SyncCalls } from '../src/backend.ts'

interface Stored {
  readonly dim: number
  readonly kind: string
  readonly metric: string
  rows: readonly (readonly number[])[]
  keys: KeyColumn | null
}
interface Adding {
  readonly into: Stored
  readonly rows: readonly (readonly number[])[]
  readonly keys: KeyColumn | null
  done: number
}
interface Building {
  readonly stored: Stored
  done: number
}

export interface Model extends Backend {
  /** Builders, loaders and indexes alive. */
  readonly alive: Set<number>
  readonly calls: string[]
  /** Awaited at the start of every search, batch, step and read. */
  gate: () => Promise<void>
}

/** `rooms` is memory of the backend's own. */
export function model({ sync = true, rooms }: { sync?: boolean; rooms?: SharedArrayBuffer } = {}): Model {
  let roomsUsed = 0
  const builders = new Map<number, Building>()
  const adders = new Map<number, Adding>()
  const loaders = new Map<number, { bytes: Uint8Array; at: number }>()
  const indexes = new Map<number, Stored>()
  const generators = new Map<number, number>()
  const alive = new Set<number>()
  const calls: string[] = []
  let last = 0
  const keep = <T>(map: Map<number, T>, value: T): number => {
    map.set(++last, value)
    alive.add(last)
    return last
  }
  const take = <T>(map: Map<number, T>, handle: number): T => {
    const value = at(map, handle)
    map.delete(handle)
    alive.delete(handle)
    return value
  }
  const sees: SyncCalls = {
    searchInto(index, query, k, _ef, _exact, _rerank, slots, distances) {
      const stored = at(indexes, index)
      rowsOf(query, stored.dim, 'query')
      const found = nearest(stored, query, k)
      found.forEach(([distance, slot], i) => {
        slots[i] = slot
        distances[i] = distance
      })
      return found.length
    },
    generatorFill(generator, offset, into) {
      const count = Math.min(into.length, at(generators, generator) - offset)
      for (let i = 0; i < count; i++) into[i] = byteAt(offset + i)
      return count
    },
    generatorFillRoom(generator, offset, room, from, bytes, threads) {
      const into = new Uint8Array(rooms!, room + from, bytes)
      calls.push('generatorFillRoom')
      return sees.generatorFill(generator, offset, into, threads)
    },
  }
  const self: Model = {
    alive,
    calls,
    gate: async () => {},
    info: { kind: 'native', why: 'a model', simd: 'scalar', threads: 2 },
    async generatorPlacing(_, threads) {
      return { pinned: true, why: `as many as ${threads}` }
    },
    async generatorRoom(_, bytes) {
      if (!rooms) return null
      roomsUsed += bytes
      return { room: roomsUsed - bytes, memory: rooms, at: roomsUsed - bytes }
    },
    async generatorFillRoom(...args) {
      await self.gate()
      return sees.generatorFillRoom(...args)
    },
    async generatorOpen(options) {
      return keep(generators, JSON.parse(options).size)
    },
    async generatorFill(generator, offset, into, threads) {
      await self.gate()
      return sees.generatorFill(generator, offset, into, threads)
    },
    async generatorMake(generator, offset, bytes, threads) {
      const into = new Uint8Array(bytes)
      return into.subarray(0, sees.generatorFill(generator, offset, into, threads))
    },
    async generatorDrop(generator) {
      take(generators, generator)
    },
    datasetOpen: notModelled,
    datasetFill: notModelled,
    datasetMake: notModelled,
    datasetStep: notModelled,
    datasetTruth: notModelled,
    datasetBuild: notModelled,
    datasetDrop: notModelled,
    async buildBegin(vectors, options, keys) {
      calls.push(`buildBegin ${options}`)
      const { dim, kind = 'auto', metric = 'l2' } = JSON.parse(options)
      if (!['auto', 'flat', 'hnsw'].includes(kind))
        throw new Error(`OPTION: kind must be auto, flat or hnsw, received "${kind}"`)
      const rows = rowsOf(vectors, dim, 'row')
      return keep(builders, {
        stored: { dim, metric, rows, keys, kind: kind === 'auto' ? 'flat' : kind },
        done: 0,
      })
    },
    async buildStep(builder, threads) {
      calls.push(`buildStep ${threads}`)
      await self.gate()
      const building = at(builders, builder)
      const total = building.stored.rows.length
      const phase: Phase = building.done >= total ? 'done' : 'link'
      building.done = Math.min(total, building.done + 10)
      return { phase, done: building.done, total }
    },
    buildFinish: async (builder) => keep(indexes, take(builders, builder).stored),
    buildDrop: async (builder) => void take(builders, builder),
    async create(options) {
      const { dim, kind = 'hnsw', metric = 'l2' } = JSON.parse(options)
      return keep(indexes, { dim, kind, metric, rows: [], keys: null })
    },
    async addBegin(index, vectors, keys) {
      const into = at(indexes, index)
      return keep(adders, { into, rows: rowsOf(vectors, into.dim, 'row'), keys, done: 0 })
    },
    async addStep(adder, threads) {
      calls.push(`addStep ${adder} ${threads}`)
      await self.gate()
      const adding = at(adders, adder)
      const total = adding.rows.length
      const phase: Phase = adding.done >= total ? 'done' : 'link'
      adding.done = Math.min(total, adding.done + 10)
      return { phase, done: adding.done, total }
    },
    async addFinish(adder) {
      const { into, rows, keys } = take(adders, adder)
      const first = into.rows.length
      into.rows = [...into.rows, ...rows]
      if (keys instanceof Float64Array) {
        into.keys = Float64Array.from([...((into.keys as Float64Array | null) ?? []), ...keys])
      }
      calls.push(`addFinish ${adder}`)
      await self.gate()
      return first
    },
    addDrop: async (adder) => void take(adders, adder),
    freeze: async (index) => keep(indexes, { ...at(indexes, index) }),
    async openBegin(bytesTotal, options) {
      calls.push(`openBegin ${bytesTotal} ${options}`)
      return keep(loaders, { bytes: new Uint8Array(bytesTotal), at: 0 })
    },
    async openWrite(loader, chunk) {
      const into = at(loaders, loader)
      into.bytes.set(chunk, into.at)
      into.at += chunk.length
      await self.gate()
    },
    async openFinish(loader) {
      return keep(indexes, parse(take(loaders, loader).bytes))
    },
    openDrop: async (loader) => void take(loaders, loader),
    async importBegin(loader) {
      take(loaders, loader)
      throw new Error('BACKEND: a model knows no files but its own')
    },
    async importMapped(path) {
      throw new Error(`BACKEND: a model cannot map ${path}`)
    },
    async openMapped(path) {
      throw new Error(`BACKEND: a model cannot map ${path}`)
    },
    async describe(index) {
      const { dim, metric, kind, rows, keys } = at(indexes, index)
      const sort = keys === null ? 'rows' : keys instanceof Float64Array ? 'numbers' : 'text'
      return JSON.stringify({
        size: rows.length,
        vectors: true,
        dim,
        metric,
        kind,
        keys: sort,
        isa: 'scalar',
        bytes: image(at(indexes, index)).length,
      })
    },
    keys: async (index) => structuredClone(at(indexes, index).keys), // what a backend returns is the caller's
    async search(index, query, params) {
      calls.push('search')
      const copy = query.slice()
      await self.gate()
      return batch(at(indexes, index), copy, params)
    },
    async searchBatch(index, queries, params, threads) {
      calls.push(`searchBatch ${queries.length / at(indexes, index).dim} ${threads}`)
      const copy = queries.slice()
      await self.gate()
      return batch(at(indexes, index), copy, params)
    },
    async readFile(index, offset, bytes) {
      await self.gate()
      return image(at(indexes, index)).slice(offset, offset + bytes)
    },
    async explain() {
      throw new Error('BACKEND: a model does not walk')
    },
    async exportBytes() {
      throw new Error('BACKEND: a model knows no files but its own')
    },
    async readExport() {
      throw new Error('BACKEND: a model knows no files but its own')
    },
    check: async (index) => void at(indexes, index),
    lendStage: async () => null,
    drop: async (index) => void take(indexes, index),
    sync: sync ? sees : null,
    lent: null,
    shutdown: async () => {},
  }
  return self
}

function at<T>(map: Map<number, T>, handle: number): T {
  const value = map.get(handle)
  if (value === undefined) throw new Error(`CLOSED: handle ${handle} is closed`)
  return value
}

function rowsOf(vectors: Float32Array, dim: number, noun: string): number[][] {
  const rows = Array.from({ length: vectors.length / dim }, (_, i) => [
    ...vectors.slice(i * dim, (i + 1) * dim),
  ])
  rows.forEach((row, i) => {
    const column = row.findIndex((value) => !Number.isFinite(value))
    if (column >= 0) throw new Error(`NOT_FINITE: ${noun} ${i} has ${row[column]} at column ${column}`)
  })
  return rows
}

function nearest({ rows }: Stored, query: Float32Array, k: number): [distance: number, slot: number][] {
  return rows
    .map((row, slot): [number, number] => [row.reduce((sum, x, j) => sum + (x - query[j]!) ** 2, 0), slot])
    .sort(([a, i], [b, j]) => a - b || i - j)
    .slice(0, k)
}

/** An `ef` of 1 makes the model forget the nearest row, so that recall has something to see. */
function batch(stored: Stored, queries: Float32Array, { k, effort, exact }: SearchParams): RawHits {
  const rows = rowsOf(queries, stored.dim, 'query')
  const slots = new Uint32Array(rows.length * k)
  const distances = new Float32Array(rows.length * k)
  const counts = new Uint32Array(rows.length)
  rows.forEach((query, i) => {
    const skip = effort === 1 && !exact ? 1 : 0
    const found = nearest(stored, Float32Array.from(query), k + skip).slice(skip)
    counts[i] = found.length
    found.forEach(([distance, slot], j) => {
      slots[i * k + j] = slot
      distances[i * k + j] = distance
    })
  })
  return { slots, distances, counts }
}

/** The model's stream: each place has its own byte. */
export const byteAt = (offset: number): number => (offset * 7 + (offset >> 8) * 13) & 255

async function notModelled(): Promise<never> {
  throw new Error('BACKEND: the model makes no rows')
}

function image({ keys, ...rest }: Stored): Uint8Array {
  const plain =
    keys instanceof Float64Array
      ? { numbers: [...keys] }
      : keys && { bytes: [...keys.bytes], offsets: [...keys.offsets] }
  return new TextEncoder().encode(JSON.stringify({ ...rest, keys: plain }))
}

function parse(bytes: Uint8Array): Stored {
  try {
    const { keys, ...rest } = JSON.parse(new TextDecoder().decode(bytes))
    if (keys === null) return { ...rest, keys }
    if (keys.numbers) return { ...rest, keys: Float64Array.from(keys.numbers) }
    return { ...rest, keys: { bytes: Uint8Array.from(keys.bytes), offsets: Float64Array.from(keys.offsets) } }
  } catch {
    throw new Error('FORMAT: not a model file')
  }
}
