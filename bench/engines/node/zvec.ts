/**
 * zvec's prebuilt addon: a database in a folder. Rows go in as documents, `optimize` then makes the graph;
 * until then they are scanned.
 *
 * `save` copies the folder, `load` opens the copy. Its call for one query blocks; many queries are as many
 * promises, of which this module keeps as many under way as threads are asked for.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { cp, readdir, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BuildSetting, type Engine, rowsOf, type Setting, Unsupported } from './engine.ts'

const PACKAGE = '@zvec/zvec'
const FIELD = 'v'
/** It refuses more documents in one call. */
const DOCUMENTS_MAX = 1024

interface Query {
  readonly fieldName: string
  readonly vector: Float32Array
  readonly topk: number
  readonly outputFields: readonly string[]
  readonly params: { readonly indexType: number; readonly ef: number }
}
type Answer = readonly { readonly id: string }[]
interface Collection {
  insertSync(documents: readonly object[]): readonly { readonly ok: boolean; readonly message: string }[]
  optimizeSync(options: { concurrency: number }): void
  querySync(query: Query): Answer
  query(query: Query): Promise<Answer>
  closeSync(): void
}
interface Zvec {
  readonly ZVecIndexType: { readonly HNSW: number }
  readonly ZVecMetricType: { readonly L2: number; readonly IP: number; readonly COSINE: number }
  readonly ZVecDataType: { readonly VECTOR_FP32: number }
  readonly ZVecLogLevel: { readonly ERROR: number }
  readonly ZVecCollectionSchema: new (schema: object) => object
  ZVecInitialize(options: { logLevel: number }): void
  ZVecCreateAndOpen(path: string, schema: object): Collection
  ZVecOpen(path: string): Collection
}

class ZvecEngine implements Engine<Float32Array, Answer, readonly Answer[]> {
  readonly version: string
  readonly isa = 'chosen at run time, not told'
  readonly #setting: Setting
  readonly #zvec: Zvec
  readonly #folder = mkdtempSync(join(tmpdir(), 'nearfield-bench-zvec-'))
  #collections = 0
  #collection: Collection | undefined
  #path = ''

  constructor(setting: Setting) {
    this.#setting = setting
    this.#zvec = setting.peers.require(PACKAGE)
    this.version = setting.peers.version(PACKAGE)
    this.#zvec.ZVecInitialize({ logLevel: this.#zvec.ZVecLogLevel.ERROR })
    process.once('exit', () => rmSync(this.#folder, { recursive: true, force: true }))
  }

  #next(): string {
    return join(this.#folder, `${this.#collections++}`)
  }

  build({ threads, M, efConstruction }: BuildSetting): void {
    const { rows, dim, base, metric } = this.#setting
    const { ZVecDataType, ZVecIndexType, ZVecMetricType, ZVecCollectionSchema } = this.#zvec
    const metricType = { l2: ZVecMetricType.L2, ip: ZVecMetricType.IP, cosine: ZVecMetricType.COSINE }[metric]
    const indexParams = { indexType: ZVecIndexType.HNSW, metricType, m: M, efConstruction }
    const vectors = { name: FIELD, dataType: ZVecDataType.VECTOR_FP32, dimension: dim, indexParams }
    const path = this.#next()
    const collection = this.#zvec.ZVecCreateAndOpen(
      path,
      new ZVecCollectionSchema({ name: 'bench', vectors }),
    )
    for (let row = 0; row < rows; row += DOCUMENTS_MAX) {
      const documents = Array.from({ length: Math.min(DOCUMENTS_MAX, rows - row) }, (_, i) => ({
        id: String(row + i),
        vectors: { [FIELD]: base.subarray((row + i) * dim, (row + i + 1) * dim) },
      }))
      const failed = collection.insertSync(documents).find(({ ok }) => !ok)
      if (failed) throw new Error(`zvec refused a row: ${failed.message}`)
    }
    collection.optimizeSync({ concurrency: threads })
    this.#collection = collection
    this.#path = path
  }

  queryOf(query: Float32Array): Float32Array {
    return query
  }

  #query(vector: Float32Array, k: number, effort: number): Query {
    const params = { indexType: this.#zvec.ZVecIndexType.HNSW, ef: effort }
    return { fieldName: FIELD, vector, topk: k, outputFields: [], params }
  }

  search(query: Float32Array, k: number, effort: number): Answer {
    return this.#collection!.querySync(this.#query(query, k, effort))
  }

  slotsOf(answer: Answer): number[] {
    return answer.map(({ id }) => Number(id))
  }

  async searchBatch(flat: Float32Array, k: number, effort: number, threads: number): Promise<Answer[]> {
    const collection = this.#collection!
    const queries = rowsOf(flat, this.#setting.dim)
    const answers = new Array<Answer>(queries.length)
    let next = 0
    const lane = async () => {
      for (let at = next++; at < queries.length; at = next++)
        answers[at] = await collection.query(this.#query(queries[at]!, k, effort))
    }
    await Promise.all(Array.from({ length: threads }, lane))
    return answers
  }

  rowsOf(answers: readonly Answer[]): number[][] {
    return answers.map((answer) => this.slotsOf(answer))
  }

  /** Closed, so that everything is on disk, and opened again. */
  async save(path: string): Promise<number> {
    this.#collection!.closeSync()
    this.#collection = undefined
    await cp(this.#path, path, { recursive: true })
    this.#collection = this.#zvec.ZVecOpen(this.#path)
    const names = await readdir(path, { recursive: true })
    const stats = await Promise.all(names.map((name) => stat(join(path, name))))
    return stats.reduce((sum, found) => sum + (found.isFile() ? found.size : 0), 0)
  }

  load(path: string): void {
    this.#collection = this.#zvec.ZVecOpen(path)
    this.#path = path
  }

  insert(): never {
    throw new Unsupported('rows added to its graph are scanned until it is made anew')
  }

  close(): void {
    if (!this.#collection) return
    this.#collection.closeSync()
    this.#collection = undefined
    if (this.#path.startsWith(this.#folder)) rmSync(this.#path, { recursive: true })
  }
}

export function start(setting: Setting): ZvecEngine {
  return new ZvecEngine(setting)
}
