/**
 * usearch's prebuilt addon, vectors as float32.
 *
 * The length of the search is an argument of the constructor and of nothing else, and files do not hold it:
 * another effort is another index, read from a file that this module writes once a build.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BuildSetting, Engine, Setting } from './engine.ts'

const PACKAGE = 'usearch'
const METRICS = { l2: 'l2sq', ip: 'ip', cosine: 'cos' } as const

interface Answer {
  readonly keys: BigUint64Array
}
interface Answers extends Answer {
  readonly counts: BigUint64Array
  readonly k: number
}
interface Graph {
  add(keys: BigUint64Array, vectors: Float32Array, threads: number): void
  search(queries: Float32Array, k: number, threads: number): Answer
  save(path: string): void
  load(path: string): void
}
interface Usearch {
  readonly Index: new (setting: Readonly<Record<string, unknown>>) => Graph
}
interface Addon {
  hardwareAccelerationAvailable(): string
}

class UsearchEngine implements Engine<Float32Array, Answer, Answers> {
  readonly version: string
  readonly isa: string
  readonly #setting: Setting
  readonly #usearch: Usearch
  readonly #folder = mkdtempSync(join(tmpdir(), 'nearfield-bench-usearch-'))
  #graph: Graph | undefined
  /** What the index was made with; a file tells neither. */
  #made = { M: 0, efConstruction: 0 }
  /** Where this index lies as a file, once it does. */
  #file: string | undefined

  constructor(setting: Setting) {
    const { peers } = setting
    this.#setting = setting
    this.#usearch = peers.require(PACKAGE)
    this.version = peers.version(PACKAGE)
    const addon = peers.require<(folder: string) => Addon>('node-gyp-build')(peers.path(PACKAGE))
    this.isa = `${addon.hardwareAccelerationAvailable().split(', ').at(-1)} (chosen at run time)`
    process.once('exit', () => rmSync(this.#folder, { recursive: true, force: true }))
  }

  #empty(effort: number): Graph {
    const { dim, metric } = this.#setting
    return new this.#usearch.Index({
      dimensions: dim,
      metric: METRICS[metric],
      quantization: 'f32',
      connectivity: this.#made.M,
      expansion_add: this.#made.efConstruction,
      expansion_search: effort,
    })
  }

  build(setting: BuildSetting): void {
    this.insert(this.#setting.rows, setting)
  }

  insert(batch: number, { threads, M, efConstruction }: BuildSetting): void {
    const { base, rows, dim } = this.#setting
    this.#made = { M, efConstruction }
    const graph = this.#empty(0)
    for (let row = 0; row < rows; row += batch) {
      const end = Math.min(rows, row + batch)
      const keys = BigUint64Array.from({ length: end - row }, (_, i) => BigInt(row + i))
      graph.add(keys, base.subarray(row * dim, end * dim), threads)
    }
    this.#graph = graph
  }

  queryOf(query: Float32Array): Float32Array {
    return query
  }

  setEffort(effort: number): void {
    if (this.#file === undefined) {
      this.#file = join(this.#folder, 'index')
      this.#graph!.save(this.#file)
    }
    if (this.#graph) {
      // Two of them need not be in memory at once.
      this.#graph = undefined
      globalThis.gc?.()
    }
    const graph = this.#empty(effort)
    graph.load(this.#file)
    this.#graph = graph
  }

  search(query: Float32Array, k: number): Answer {
    return this.#graph!.search(query, k, 1)
  }

  slotsOf({ keys }: Answer): number[] {
    return Array.from(keys, Number)
  }

  searchBatch(queries: Float32Array, k: number, _effort: number, threads: number): Answers {
    return this.#graph!.search(queries, k, threads) as Answers
  }

  /** One query alone is answered without counts. */
  rowsOf({ keys, counts, k }: Answers): number[][] {
    if (!counts) return [Array.from(keys, Number)]
    return Array.from(counts, (count, row) =>
      Array.from(keys.subarray(row * k, row * k + Number(count)), Number),
    )
  }

  async save(path: string): Promise<number> {
    this.#graph!.save(path)
    return (await stat(path)).size
  }

  /** `setEffort`, which comes next, reads it. */
  load(path: string): void {
    this.#file = path
  }

  close(): void {
    this.#graph = undefined
    this.#file = undefined
  }
}

export function start(setting: Setting): UsearchEngine {
  return new UsearchEngine(setting)
}
