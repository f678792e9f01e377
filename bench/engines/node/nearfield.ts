/**
 * nearfield, as the workspace has it.
 *
 * variant: kind `flat` | `hnsw` | `zones`, backend `native` | `wasm-threads` | `wasm`, codec as the kind has them,
 * call `searchInto` (unless told otherwise) | `search`, efConstruction in place of what all graphs are asked for.
 */

import { stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import {
  type BatchHits,
  type BuildOptions,
  buildIndex,
  createIndex,
  type Hit,
  type Index,
  openIndex,
} from 'nearfield'
import type { BuildSetting, Engine, Setting } from './engine.ts'

type Answer = ArrayLike<number> | readonly Hit[]
type Place = Pick<BuildOptions, 'backend' | 'isa'>

class Nearfield implements Engine<Float32Array, Answer, BatchHits> {
  readonly version: string
  readonly isa: string
  readonly threadsMax: number
  readonly #setting: Setting
  readonly #place: Place
  /** Built once: a caller in a hurry does not make an object a query either. */
  #options: { ef?: number; probes?: number } = {}
  #index: Index | undefined
  #slots = new Uint32Array(0)
  #distances = new Float32Array(0)
  readonly search: (query: Float32Array, k: number) => Answer | Promise<Answer>

  constructor(setting: Setting, place: Place, version: string, isa: string) {
    this.#setting = setting
    this.#place = place
    this.version = version
    this.isa = isa
    this.threadsMax = setting.variant['backend'] === 'wasm' ? 1 : Number.POSITIVE_INFINITY
    this.search =
      setting.variant['call'] === 'search'
        ? (query, k) => this.#index!.search(query, { k, ...this.#options })
        : (query, k) => this.#searchInto(query, k)
  }

  async build(setting: BuildSetting): Promise<void> {
    this.#index = await buildIndex(this.#setting.base, this.#indexOptions(setting))
  }

  async insert(batch: number, setting: BuildSetting): Promise<void> {
    const { base, dim } = this.#setting
    this.#index = await createIndex(this.#indexOptions(setting))
    for (let at = 0; at < base.length; at += batch * dim) {
      await this.#index.add(base.subarray(at, at + batch * dim))
    }
  }

  #indexOptions({ threads, M, efConstruction }: BuildSetting) {
    const { variant } = this.#setting
    const own = variant['efConstruction'] as number | undefined
    const graph = variant['kind'] === 'hnsw' ? { M, efConstruction: own ?? efConstruction } : {}
    const codec = (variant['codec'] as 'auto') ?? 'auto'
    return { ...common(this.#setting, this.#place), ...graph, codec, threads }
  }

  queryOf(query: Float32Array): Float32Array {
    return query
  }

  setEffort(effort: number): void {
    const { kind } = this.#setting.variant
    this.#options = kind === 'hnsw' ? { ef: effort } : kind === 'zones' ? { probes: effort } : {}
  }

  #searchInto(query: Float32Array, k: number): Uint32Array {
    if (this.#slots.length !== k) {
      this.#slots = new Uint32Array(k)
      this.#distances = new Float32Array(k)
    }
    const count = this.#index!.searchInto(query, this.#slots, this.#distances, this.#options)
    return count === k ? this.#slots : this.#slots.subarray(0, count)
  }

  slotsOf(answer: Answer): ArrayLike<number> {
    return Array.from(answer as ArrayLike<number | Hit>, (hit) =>
      typeof hit === 'number' ? hit : (hit.key as number),
    )
  }

  searchBatch(queries: Float32Array, k: number, _effort: number, threads: number): Promise<BatchHits> {
    return this.#index!.searchBatch(queries, { k, ...this.#options, threads })
  }

  rowsOf(answers: BatchHits): ArrayLike<number>[] {
    const keys = answers.keys as Float64Array
    return Array.from(answers.counts, (count, row) => keys.subarray(row * answers.k, row * answers.k + count))
  }

  async save(path: string): Promise<number> {
    await this.#index!.save(path)
    return (await stat(path)).size
  }

  async load(path: string): Promise<void> {
    this.#index = await openIndex(path, this.#place)
  }

  async close(): Promise<void> {
    await this.#index?.close()
    this.#index = undefined
  }
}

function common({ dim, metric, variant }: Setting, place: Place) {
  const kind = variant['kind']
  if (kind !== 'flat' && kind !== 'hnsw' && kind !== 'zones')
    throw new Error(`variant.kind: expected flat, hnsw or zones, received ${JSON.stringify(kind)}`)
  return { dim, metric, kind, ...place } as const
}

export async function start(setting: Setting): Promise<Nearfield> {
  const place = { backend: setting.variant['backend'], isa: setting.isa } as Place
  const { version } = createRequire(import.meta.url)('nearfield/package.json') as { version: string }
  // The backend is loaded here and tells what it runs on; the first build is then timed as every other.
  await using small = await buildIndex(setting.base.slice(0, setting.dim), common(setting, place))
  return new Nearfield(setting, place, version, small.stats().isa)
}
