/**
 * voy: WebAssembly, a k-d tree, exact by squared Euclidean distance over at most 768 numbers.
 *
 * Of vectors of length 1 the nearest by Euclid are the nearest by cosine; an inner product of others it
 * has not. It is published for bundlers; its module is put together here as one of them would.
 */

import { readFileSync } from 'node:fs'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { type BuildSetting, type Engine, rowsOf, type Setting, Unsupported, unit } from './engine.ts'

const PACKAGE = 'voy-search'
const DIM_MAX = 768

interface Answer {
  readonly neighbors: readonly { readonly id: string }[]
}
interface Resource {
  readonly embeddings: readonly {
    readonly id: string
    readonly title: string
    readonly url: string
    readonly embeddings: readonly number[]
  }[]
}
interface Tree {
  add(resource: Resource): void
  search(query: Float32Array, k: number): Answer
  serialize(): string
  free(): void
}
interface VoySearch {
  readonly Voy: { new (resource?: Resource): Tree; deserialize(index: string): Tree }
  __wbg_set_wasm(exports: WebAssembly.Exports): void
}

class VoyEngine implements Engine<Float32Array, Answer> {
  readonly version: string
  readonly isa = 'wasm without simd (built so)'
  readonly threadsMax = 1
  readonly #setting: Setting
  readonly #base: Float32Array
  readonly #voy: VoySearch
  #tree: Tree | undefined

  constructor(setting: Setting, voy: VoySearch) {
    this.#setting = setting
    this.#voy = voy
    this.#base = setting.metric === 'cosine' ? unit(setting.base, setting.dim) : setting.base
    this.version = setting.peers.version(PACKAGE)
  }

  build(setting: BuildSetting): void {
    this.insert(this.#setting.rows, setting)
  }

  insert(batch: number, _setting: BuildSetting): void {
    const rows = rowsOf(this.#base, this.#setting.dim)
    const tree = new this.#voy.Voy()
    for (let row = 0; row < rows.length; row += batch) {
      const embeddings = rows.slice(row, row + batch).map((vector, i) => ({
        id: String(row + i),
        title: '',
        url: '',
        embeddings: Array.from(vector),
      }))
      tree.add({ embeddings })
    }
    this.#tree = tree
  }

  queryOf(query: Float32Array): Float32Array {
    return this.#setting.metric === 'cosine' ? unit(query, query.length) : query
  }

  search(query: Float32Array, k: number): Answer {
    return this.#tree!.search(query, k)
  }

  slotsOf(answer: Answer): number[] {
    return answer.neighbors.map(({ id }) => Number(id))
  }

  async save(path: string): Promise<number> {
    await writeFile(path, this.#tree!.serialize())
    return (await stat(path)).size
  }

  async load(path: string): Promise<void> {
    this.#tree = this.#voy.Voy.deserialize(await readFile(path, 'utf8'))
  }

  close(): void {
    this.#tree?.free()
    this.#tree = undefined
  }
}

export async function start(setting: Setting): Promise<VoyEngine> {
  const { peers, dim, metric } = setting
  if (metric === 'ip') throw new Unsupported('it knows the Euclidean distance only')
  if (dim > DIM_MAX) throw new Unsupported(`it cuts vectors off after ${DIM_MAX} numbers, these have ${dim}`)
  const voy = await peers.import<VoySearch>(PACKAGE, 'voy_search_bg.js')
  const wasm = new WebAssembly.Module(readFileSync(peers.path(PACKAGE, 'voy_search_bg.wasm')))
  const imports = { './voy_search_bg.js': voy as unknown as WebAssembly.ModuleImports }
  voy.__wbg_set_wasm(new WebAssembly.Instance(wasm, imports).exports)
  return new VoyEngine(setting, voy)
}
