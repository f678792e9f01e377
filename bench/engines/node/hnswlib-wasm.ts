/**
 * hnswlib-wasm: hnswlib by Emscripten, one thread, without SIMD.
 *
 * It is built for pages and refuses to start elsewhere; all it looks for is a `window`, which it is given
 * while it loads. Its files lie in IndexedDB, which Node has not, so what sets that up is left out.
 */

import { type BuildSetting, type Engine, rowsOf, type Setting, Unsupported } from './engine.ts'

const PACKAGE = 'hnswlib-wasm'

interface Answer {
  readonly neighbors: readonly number[]
}
interface Graph {
  initIndex(maxElements: number, m: number, efConstruction: number, seed: number): void
  addPoints(points: readonly Float32Array[], labels: readonly number[], replaceDeleted: boolean): void
  setEfSearch(ef: number): void
  searchKnn(query: Float32Array, k: number, filter: undefined): Answer
  delete(): void
}
interface Hnswlib {
  readonly HierarchicalNSW: new (space: string, dim: number, file: string) => Graph
}

interface Loader {
  default(): Promise<Hnswlib>
}

class HnswlibWasm implements Engine<Float32Array, Answer> {
  readonly version: string
  readonly isa = 'wasm without simd (built so)'
  readonly threadsMax = 1
  readonly #setting: Setting
  readonly #hnswlib: Hnswlib
  #graph: Graph | undefined

  constructor(setting: Setting, hnswlib: Hnswlib) {
    this.#setting = setting
    this.#hnswlib = hnswlib
    this.version = setting.peers.version(PACKAGE)
  }

  build(setting: BuildSetting): void {
    this.insert(this.#setting.rows, setting)
  }

  insert(batch: number, { M, efConstruction }: BuildSetting): void {
    const { base, dim, rows, metric } = this.#setting
    const graph = new this.#hnswlib.HierarchicalNSW(metric, dim, '')
    graph.initIndex(rows, M, efConstruction, 100)
    const points = rowsOf(base, dim)
    for (let row = 0; row < rows; row += batch) {
      const some = points.slice(row, row + batch)
      graph.addPoints(
        some,
        some.map((_, i) => row + i),
        false,
      )
    }
    this.#graph = graph
  }

  queryOf(query: Float32Array): Float32Array {
    return query
  }

  setEffort(effort: number): void {
    this.#graph!.setEfSearch(effort)
  }

  search(query: Float32Array, k: number): Answer {
    return this.#graph!.searchKnn(query, k, undefined)
  }

  slotsOf(answer: Answer): readonly number[] {
    return answer.neighbors
  }

  save(): never {
    throw new Unsupported('its files lie in IndexedDB, which Node has not')
  }

  load(): never {
    throw new Unsupported('its files lie in IndexedDB, which Node has not')
  }

  close(): void {
    this.#graph?.delete()
    this.#graph = undefined
  }
}

export async function start(setting: Setting): Promise<HnswlibWasm> {
  const page = globalThis as { window?: unknown }
  page.window = globalThis
  try {
    const { default: load } = await setting.peers.import<Loader>(PACKAGE, 'lib', 'hnswlib.mjs')
    return new HnswlibWasm(setting, await load())
  } finally {
    delete page.window
  }
}
