/**
 * edgevec: WebAssembly, one thread.
 *
 * - The length of the search is set before rows go in and cannot be changed; but it is never less than the
 *   number of answers asked for, so an effort is asked for as so many answers, of which k are taken.
 * - Its inner product and its cosine put the farthest first (0.9.0 takes the product for a distance), so
 *   cosine is the Euclidean distance of vectors of length 1 here, and an inner product it has not.
 * - Its ids start at 1.
 * - It keeps itself in IndexedDB, which Node has not.
 */

import { readFileSync } from 'node:fs'
import { type BuildSetting, type Engine, type Setting, Unsupported, unit } from './engine.ts'

const PACKAGE = 'edgevec'

interface Hit {
  readonly id: number
}
interface Config {
  m: number
  m0: number
  ef_construction: number
  ef_search: number
  metric: string
}
interface Graph {
  insertBatchFlat(vectors: Float32Array, count: number): Uint32Array
  search(query: Float32Array, k: number): readonly Hit[]
  free(): void
}
interface Edgevec {
  readonly EdgeVecConfig: new (dim: number) => Config
  readonly EdgeVec: new (config: Config) => Graph
  initSync(source: { module: Uint8Array }): unknown
}

class EdgevecEngine implements Engine<Float32Array, readonly Hit[]> {
  readonly version: string
  readonly isa = 'wasm without simd (built so)'
  readonly threadsMax = 1
  readonly #setting: Setting
  readonly #base: Float32Array
  readonly #edgevec: Edgevec
  #graph: Graph | undefined
  #first = 0

  constructor(setting: Setting, edgevec: Edgevec) {
    this.#setting = setting
    this.#edgevec = edgevec
    this.#base = setting.metric === 'cosine' ? unit(setting.base, setting.dim) : setting.base
    this.version = setting.peers.version(PACKAGE)
  }

  build(setting: BuildSetting): void {
    this.insert(this.#setting.rows, setting)
  }

  insert(batch: number, { M, efConstruction }: BuildSetting): void {
    const { dim, rows } = this.#setting
    const config = new this.#edgevec.EdgeVecConfig(dim)
    config.m = M
    config.m0 = 2 * M
    config.ef_construction = efConstruction
    config.ef_search = 1
    config.metric = 'l2'
    const graph = new this.#edgevec.EdgeVec(config)
    for (let row = 0; row < rows; row += batch) {
      const count = Math.min(batch, rows - row)
      const ids = graph.insertBatchFlat(this.#base.subarray(row * dim, (row + count) * dim), count)
      if (row === 0) this.#first = ids[0]!
    }
    this.#graph = graph
  }

  queryOf(query: Float32Array): Float32Array {
    return this.#setting.metric === 'cosine' ? unit(query, query.length) : query
  }

  search(query: Float32Array, k: number, effort: number): readonly Hit[] {
    const hits = this.#graph!.search(query, Math.max(k, effort))
    return hits.length > k ? hits.slice(0, k) : hits
  }

  slotsOf(answer: readonly Hit[]): number[] {
    return answer.map(({ id }) => id - this.#first)
  }

  save(): never {
    throw new Unsupported('it keeps itself in IndexedDB, which Node has not')
  }

  load(): never {
    throw new Unsupported('it reads from IndexedDB, which Node has not')
  }

  close(): void {
    this.#graph?.free()
    this.#graph = undefined
  }
}

export async function start(setting: Setting): Promise<EdgevecEngine> {
  const { peers, metric } = setting
  if (metric === 'ip') throw new Unsupported('its inner product puts the farthest first')
  const edgevec = await peers.import<Edgevec>(PACKAGE, 'edgevec.js')
  edgevec.initSync({ module: readFileSync(peers.path(PACKAGE, 'edgevec_bg.wasm')) })
  return new EdgevecEngine(setting, edgevec)
}
