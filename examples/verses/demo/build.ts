/**
 * Makes and opens the index files. The page's server calls the same code, so both serve one file.
 *
 * Invariants: a stopped or failed build leaves no half file (saving writes beside and renames);
 * the same verses and options give the same bytes, whatever the backend and number of threads.
 */

import { stat } from 'node:fs/promises'
import { buildIndex, type Index, openIndex, type Progress } from 'nearfield'
import type { Verse } from '../embedder/verses.ts'
import type { BackendChoice, Kind } from './arguments.ts'
import { INDEX_FILE } from './index-file.ts'

export interface Running {
  readonly backend: BackendChoice
  /** 0 means all. */
  readonly threads: number
  readonly signal: AbortSignal
  readonly onProgress?: (progress: Progress) => void
}

export interface Built {
  readonly index: Index
  readonly buildSeconds: number
  readonly fileBytes: number
  readonly openSeconds: number
  /** How the file was opened: mapping needs the native backend. */
  readonly mode: 'mapped' | 'memory'
}

/** Builds, saves to the kind's file, and opens that file again. */
export async function makeIndexFile(
  kind: Kind,
  verses: readonly Verse[],
  rows: Float32Array,
  running: Running,
): Promise<Built> {
  const { backend, signal, onProgress } = running
  const threads = running.threads === 0 ? {} : { threads: running.threads }
  const shared = {
    dim: rows.length / verses.length,
    metric: 'cosine',
    keys: verses.map((verse) => verse.reference),
    backend,
    signal,
    ...threads,
    ...(onProgress && { onProgress }),
  } as const
  const file = INDEX_FILE[kind]

  const buildStart = performance.now()
  const built =
    kind === 'flat'
      ? await buildIndex(rows, { ...shared, kind })
      : await buildIndex(rows, { ...shared, kind, M: 16, efConstruction: 200 })
  const buildSeconds = (performance.now() - buildStart) / 1000
  const mode = built.backend.kind === 'native' ? 'mapped' : 'memory'
  try {
    await built.save(file)
  } finally {
    await built.close()
  }

  const openStart = performance.now()
  const index = await openIndex(file, { mode, backend, signal, ...threads })
  const openSeconds = (performance.now() - openStart) / 1000
  return { index, buildSeconds, fileBytes: (await stat(file)).size, openSeconds, mode }
}
