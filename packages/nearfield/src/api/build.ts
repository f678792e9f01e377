/**
 * `buildIndex`: checks at the door, one copy into the backend, then the core's steps one by one.
 *
 *   vectors ─▶ toMatrix ─▶ buildBegin ─▶ buildStep × n ─▶ buildFinish ─▶ Index
 *                                          │ report, yield, look at the signal; on any error buildDrop
 */

import type { BuilderHandle } from '../backend.ts'
import type { Chosen } from '../backends/choose.ts'
import { DIM_MAX } from '../generated/constants.ts'
import { BUILD_OPTION_NAMES } from '../generated/options.ts'
import type { Host } from './host.ts'
import { Index } from './index.ts'
import { toKeyColumn } from './keys.ts'
import { type BuildOptions, checkInteger, checkOptions, coreJson } from './options.ts'
import { Meter } from './progress.ts'
import { GeneratedRows } from './rows.ts'
import { toMatrix, type Vectors } from './vectors.ts'

export async function buildIndex(
  host: Host,
  vectors: Vectors | GeneratedRows,
  options: BuildOptions,
): Promise<Index> {
  checkOptions(options, 'build')
  const meter = new Meter(options)
  if (options.dim !== undefined) checkInteger('dim', options.dim, 1, DIM_MAX)
  if (vectors instanceof GeneratedRows) return takenOver(host, vectors, options, meter)
  const matrix = toMatrix(vectors, options.dim ?? 0, 'vectors')
  const keys = toKeyColumn(options.keys, matrix.rows)
  const isa = options.isa ?? host.preferences.isa
  const json = coreJson(options, BUILD_OPTION_NAMES, { dim: matrix.dim, isa })
  const threads = options.threads ?? 0
  meter.check()
  // The caller may change its array as soon as this function has returned its promise: either a
  // loaded backend copies it before that, or it is copied here until one is.
  const wanted = options.backend ?? host.preferences.backend ?? 'auto'
  const ready = host.choices.ready(wanted, threads)
  const data = ready || Array.isArray(vectors) ? matrix.data : matrix.data.slice()
  const chosen = ready ?? (await host.choices.choose(wanted, threads))
  meter.check()
  return made(host, chosen, await chosen.backend.buildBegin(data, json, keys, threads), threads, meter)
}

/** Generated rows become the index's own, on the backend that has them. */
async function takenOver(
  host: Host,
  rows: GeneratedRows,
  options: BuildOptions,
  meter: Meter,
): Promise<Index> {
  const keys = toKeyColumn(options.keys, rows.rows)
  const isa = options.isa ?? host.preferences.isa
  const json = coreJson(options, BUILD_OPTION_NAMES, { dim: options.dim ?? rows.dim, isa })
  const { chosen, builder } = await rows.builder(json, keys)
  return made(host, chosen, builder, options.threads ?? 0, meter)
}

/** Drives a builder to its end; on any error it is dropped. */
export async function made(
  host: Host,
  chosen: Chosen,
  builder: BuilderHandle,
  threads: number,
  meter: Meter,
): Promise<Index> {
  const { backend } = chosen
  try {
    for (;;) {
      const report = await backend.buildStep(builder, threads)
      await meter.step(report.phase, report.done, report.total)
      if (report.phase === 'done') break
    }
  } catch (error) {
    await backend.buildDrop(builder).catch(() => {}) // the first error is the one to tell
    throw error
  }
  return Index.of(host, chosen, await backend.buildFinish(builder), threads)
}
