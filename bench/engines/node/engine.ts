/**
 * What a module of this folder implements so that `host.ts` can measure it, and what it is given.
 *
 *   host ── start(Setting) ─▶ Engine ── build ─▶ setEffort ─▶ search … (timed)   slots (not timed)
 *
 * Whatever a caller does once (normalising vectors, bringing queries into the form the engine takes,
 * setting a parameter of the index) lies outside the calls that are timed.
 */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { EngineSpec, Metric } from '../../harness/contract.ts'

/** An engine has no such thing; the message says why. */
export class Unsupported extends Error {
  override readonly name = 'Unsupported'
}

export interface Setting {
  /** Rows one after the other; engines may keep it, none may write to it. */
  readonly base: Float32Array
  readonly queries: Float32Array
  readonly rows: number
  readonly dim: number
  readonly metric: Metric
  readonly variant: EngineSpec['variant']
  readonly isa: string
  readonly peers: Peers
}

export interface BuildSetting {
  /** As many as it may use. */
  readonly threads: number
  readonly M: number
  readonly efConstruction: number
}

/** `Query` is a query as a caller of this engine holds it, `Answer` what the engine gives back. */
export interface Engine<Query, Answer, Answers = never> {
  readonly version: string
  readonly isa: string
  /** More threads than this it cannot use; it knows no bound where this is left out. */
  readonly threadsMax?: number
  /** Replaces the index; `close` was called before. */
  build(setting: BuildSetting): void | Promise<void>
  queryOf(query: Float32Array): Query
  /** Called before searches of another effort, for what an engine sets on its index. */
  setEffort?(effort: number): void | Promise<void>
  search(query: Query, k: number, effort: number): Answer | Promise<Answer>
  slotsOf(answer: Answer): ArrayLike<number>
  searchBatch?(queries: Float32Array, k: number, effort: number, threads: number): Answers | Promise<Answers>
  rowsOf?(answers: Answers): readonly ArrayLike<number>[]
  /** Bytes written. */
  save?(path: string): number | Promise<number>
  load?(path: string): void | Promise<void>
  /** All rows, `batch` at a time, into an empty index that becomes the index. */
  insert?(batch: number, setting: BuildSetting): void | Promise<void>
  /** Lets go of the index, if there is one. */
  close(): void | Promise<void>
}

// biome-ignore lint/suspicious/noExplicitAny: each module knows its own, the host none of them
export type AnyEngine = Engine<any, any, any>
export interface EngineModule {
  start(setting: Setting): AnyEngine | Promise<AnyEngine>
}

/** Packages of others, out of a folder of their own. */
export class Peers {
  readonly #folder: string
  readonly #require: NodeJS.Require

  constructor(folder: string) {
    this.#folder = join(folder, 'node_modules')
    this.#require = createRequire(join(this.#folder, 'peers.js'))
  }

  path(...parts: readonly string[]): string {
    return join(this.#folder, ...parts)
  }

  version(name: string): string {
    const { version } = JSON.parse(readFileSync(this.path(name, 'package.json'), 'utf8')) as {
      version: string
    }
    return version
  }

  /** A package as CommonJS callers get it. */
  require<T>(name: string): T {
    return this.#require(name) as T
  }

  /** A file of a package whose `package.json` names no entry that Node takes. */
  async import<T>(...parts: readonly string[]): Promise<T> {
    return (await import(pathToFileURL(this.path(...parts)).href)) as T
  }
}

/** Rows of length 1, for engines whose inner product is cheaper than their cosine, or that have none. */
export function unit(vectors: Float32Array, dim: number): Float32Array {
  const out = new Float32Array(vectors.length)
  for (let start = 0; start < vectors.length; start += dim) {
    let squares = 0
    for (let i = start; i < start + dim; i++) squares += vectors[i]! * vectors[i]!
    const scale = squares > 0 ? 1 / Math.sqrt(squares) : 0
    for (let i = start; i < start + dim; i++) out[i] = vectors[i]! * scale
  }
  return out
}

export function rowsOf(matrix: Float32Array, dim: number): Float32Array[] {
  return Array.from({ length: matrix.length / dim }, (_, row) => matrix.subarray(row * dim, (row + 1) * dim))
}
