/**
 * Single searches go through a stage: a query, slots and distances at fixed places of the module's
 * memory, so that a call carries only numbers. Here are the views over one, and the search through it.
 */

/** What is called once the query is staged: an object of the glue, or what stands for one. */
export interface StagedSearch {
  search(k: number, effort: number, exact: boolean, rerank: boolean): number
}

export interface StageViews {
  readonly query: Float32Array
  readonly slots: Uint32Array
  readonly distances: Float32Array
}

/** The index as the glue has it. */
export interface GlueStage extends StagedSearch {
  stage(floats: number, hits: number): void
  query_at(): number
  slots_at(): number
  distances_at(): number
}

/** Answers in the caller's arrays, and how many; no allocation. */
export function searchStaged(
  by: StagedSearch,
  { query: staged, slots: found, distances: far }: StageViews,
  query: Float32Array,
  k: number,
  effort: number,
  exact: boolean,
  rerank: boolean,
  slots: Uint32Array,
  distances: Float32Array,
): number {
  staged.set(query)
  const count = by.search(k, effort, exact, rerank)
  // A loop, because `set` would need a view of the first `count`.
  for (let at = 0; at < count; at++) {
    slots[at] = found[at] as number
    distances[at] = far[at] as number
  }
  return count
}

/** The views of an index, made anew when the stage or the memory moved. */
export class Stage implements StageViews {
  readonly #raw: GlueStage
  #hitsMax = 0
  #buffer: ArrayBufferLike | undefined
  query = new Float32Array()
  slots = new Uint32Array()
  distances = new Float32Array()

  constructor(raw: GlueStage) {
    this.#raw = raw
  }

  /** Makes room where there is too little. */
  reserve(memory: WebAssembly.Memory, floats: number, hits: number): void {
    const raw = this.#raw
    if (floats !== this.query.length || hits > this.#hitsMax) {
      raw.stage(floats, hits)
      this.#hitsMax = hits
      this.#buffer = undefined
    }
    const { buffer } = memory
    if (buffer === this.#buffer) return
    this.#buffer = buffer
    this.query = new Float32Array(buffer, raw.query_at(), floats)
    this.slots = new Uint32Array(buffer, raw.slots_at(), this.#hitsMax)
    this.distances = new Float32Array(buffer, raw.distances_at(), this.#hitsMax)
  }
}
