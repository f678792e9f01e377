/**
 * hnswlib-node: hnswlib 0.8 by node-gyp, compiled on the user's machine with that package's own flags,
 * which name no instruction set.
 *
 * It takes plain arrays only, so queries are held as such. One row an insert, one query a call, one thread.
 */

import { stat } from 'node:fs/promises'
import type { BuildSetting, Engine, Setting } from './engine.ts'

const PACKAGE = 'hnswlib-node'

interface Answer {
  readonly neighbors: readonly number[]
}
interface Graph {
  initIndex(maxElements: number, m: number, efConstruction: number): void
  addPoint(point: readonly number[], label: number): void
  setEf(ef: number): void
  searchKnn(query: readonly number[], k: number): Answer
  writeIndexSync(path: string): void
  readIndexSync(path: string): void
}
interface Hnswlib {
  readonly HierarchicalNSW: new (space: string, dim: number) => Graph
}

class HnswlibNode implements Engine<readonly number[], Answer> {
  readonly version: string
  /** Without flags a compiler takes what every processor of its kind has; hnswlib's kernels are for x86. */
  readonly isa = process.arch === 'x64' ? 'sse (built so)' : 'whatever the compiler makes of plain C++'
  readonly threadsMax = 1
  readonly #setting: Setting
  readonly #hnswlib: Hnswlib
  #graph: Graph | undefined

  constructor(setting: Setting) {
    this.#setting = setting
    this.#hnswlib = setting.peers.require(PACKAGE)
    this.version = setting.peers.version(PACKAGE)
  }

  #empty(): Graph {
    return new this.#hnswlib.HierarchicalNSW(this.#setting.metric, this.#setting.dim)
  }

  build({ M, efConstruction }: BuildSetting): void {
    const { base, rows, dim } = this.#setting
    const graph = this.#empty()
    graph.initIndex(rows, M, efConstruction)
    const point = new Array<number>(dim).fill(0)
    for (let row = 0, at = 0; row < rows; row++) {
      for (let i = 0; i < dim; i++, at++) point[i] = base[at]!
      graph.addPoint(point, row)
    }
    this.#graph = graph
  }

  /** It takes row by row whatever the batch. */
  insert(_batch: number, setting: BuildSetting): void {
    this.build(setting)
  }

  queryOf(query: Float32Array): number[] {
    return Array.from(query)
  }

  setEffort(effort: number): void {
    this.#graph!.setEf(effort)
  }

  search(query: readonly number[], k: number): Answer {
    return this.#graph!.searchKnn(query, k)
  }

  slotsOf(answer: Answer): readonly number[] {
    return answer.neighbors
  }

  async save(path: string): Promise<number> {
    this.#graph!.writeIndexSync(path)
    return (await stat(path)).size
  }

  load(path: string): void {
    const graph = this.#empty()
    graph.readIndexSync(path)
    this.#graph = graph
  }

  close(): void {
    this.#graph = undefined
  }
}

export function start(setting: Setting): HnswlibNode {
  return new HnswlibNode(setting)
}
