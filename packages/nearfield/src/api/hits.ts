/** Answers: slots and distances from the core become keys and distances for the caller. */
import type { RawHits } from '../backend.ts'
import type { Key, KeyTable } from './keys.ts'

/** One neighbour. Smaller distances are nearer, for every metric. */
export interface Hit {
  readonly key: Key
  readonly distance: number
}

/** Answers to many queries, flat: row `i` starts at `i * k` and has `counts[i]` answers. */
export interface BatchHits {
  /** Width of a row: what was asked for, or the size of the index where that is smaller. */
  readonly k: number
  /** Keys; unused places are `NaN` (numbers) or `''` (strings). */
  readonly keys: Float64Array | readonly string[]
  /** Distances; unused places are `Infinity`. */
  readonly distances: Float32Array
  readonly counts: Uint32Array
  /** The answers to query `i` as objects. */
  row(i: number): Hit[]
}

/** The first `count` answers as objects. */
export function toHits(
  table: KeyTable,
  slots: Uint32Array,
  distances: Float32Array,
  at: number,
  count: number,
): Hit[] {
  const hits = new Array<Hit>(count)
  for (let i = 0; i < count; i++) hits[i] = { key: table.key(slots[at + i]!), distance: distances[at + i]! }
  return hits
}

/** Collects the answers of a batch, chunk by chunk. */
export class BatchCollector {
  readonly #k: number
  readonly #keys: Float64Array | string[]
  readonly #distances: Float32Array
  readonly #counts: Uint32Array
  readonly #table: KeyTable

  constructor(table: KeyTable, queries: number, k: number) {
    this.#table = table
    this.#k = k
    this.#keys =
      table.sort === 'text'
        ? new Array<string>(queries * k).fill('')
        : new Float64Array(queries * k).fill(NaN)
    this.#distances = new Float32Array(queries * k).fill(Infinity)
    this.#counts = new Uint32Array(queries)
  }

  /** `first` is the number of the chunk's first query. */
  add(first: number, { slots, distances, counts }: RawHits): void {
    const k = this.#k
    const keys = this.#keys
    for (let i = 0; i < counts.length; i++) {
      const to = (first + i) * k
      const count = counts[i]!
      this.#counts[first + i] = count
      for (let j = 0; j < count; j++) {
        const slot = slots[i * k + j]!
        if (keys instanceof Float64Array) keys[to + j] = this.#table.number(slot)
        else keys[to + j] = this.#table.text(slot)
        this.#distances[to + j] = distances[i * k + j]!
      }
    }
  }

  finish(): BatchHits {
    const k = this.#k
    const keys: Float64Array | readonly string[] = this.#keys
    const distances = this.#distances
    const counts = this.#counts
    const row = (i: number): Hit[] => {
      if (!Number.isInteger(i) || i < 0 || i >= counts.length) {
        throw new RangeError(`row must be 0 … ${counts.length - 1}, received ${i}`)
      }
      return Array.from({ length: counts[i]! }, (_, j) => ({
        key: keys[i * k + j]!,
        distance: distances[i * k + j]!,
      }))
    }
    return { k, keys, distances, counts, row }
  }
}
