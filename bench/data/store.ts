/**
 * Prepared data on disk: made once, doubted, and used again as long as its recipe is the same.
 *
 *   make ─▶ truth ─▶ cross-check ─▶ .making-<name>-<pid>/ ─ rename ─▶ <name>/
 *
 * A folder under its final name is whole; what an interrupted run leaves is swept up by the next.
 */

import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dataset, Metric } from '../harness/contract.ts'
import { type Matrix, rowsOf, writeArray } from './matrix.ts'
import { checkClaim, crossCheck, exactTruth, type Truth } from './truth.ts'

const PARTS = {
  base: 'base.f32',
  queries: 'queries.f32',
  neighbours: 'neighbours.u32',
  distances: 'distances.f64',
} as const
const ABOUT = 'dataset.json'
const MAKING = '.making-'

/** What a recipe makes. */
export interface Made {
  readonly metric: Metric
  readonly base: Matrix
  readonly queries: Matrix
  /** Neighbours that came along, to doubt ours with. */
  readonly claim?: { readonly slots: Uint32Array; readonly depth: number }
}

/** How far a preparation is. `done` counts up to `total` within a phase. */
export interface Progress {
  readonly phase: 'make' | 'truth' | 'check' | 'write'
  readonly done: number
  readonly total: number
}
export type OnProgress = (progress: Progress) => void

export interface Recipe {
  readonly name: string
  readonly about: string
  /** Below the data folder. */
  readonly folder: string
  /** All that the data depend on, with a version: another text makes them anew. */
  readonly recipe: string
  /** `scratch` is an empty folder for downloads, gone afterwards. */
  make(onRows: (done: number, total: number) => void, scratch: string): Promise<Made>
}

/** A `Dataset` without paths, which are where the file lies. */
type Kept = Omit<Dataset, 'paths'> & { readonly recipe: string }

export async function prepareRecipe(recipe: Recipe, root: string, onProgress?: OnProgress): Promise<Dataset> {
  const folder = join(root, recipe.folder)
  const ready = await datasetIn(folder, recipe)
  if (ready) return ready
  await mkdir(root, { recursive: true })
  await sweep(root)
  const making = join(root, `${MAKING}${recipe.folder}-${process.pid}`)
  const [scratch, whole] = [join(making, 'scratch'), join(making, 'whole')]
  await rm(making, { recursive: true, force: true })
  await Promise.all([mkdir(scratch, { recursive: true }), mkdir(whole, { recursive: true })])
  try {
    const report = (phase: Progress['phase']) => (done: number, total: number) =>
      onProgress?.({ phase, done, total })
    const made = await recipe.make(report('make'), scratch)
    const truth = await exactTruth(made, report('truth'))
    report('check')(0, 1)
    crossCheck(made, truth)
    if (made.claim) checkClaim(made, truth, made.claim.slots, made.claim.depth)
    report('write')(0, 1)
    await write(whole, recipe, made, truth)
    await rm(folder, { recursive: true, force: true })
    await rename(whole, folder)
  } finally {
    await rm(making, { recursive: true, force: true })
  }
  return (await datasetIn(folder, recipe))!
}

async function write(folder: string, recipe: Recipe, made: Made, truth: Truth): Promise<void> {
  const { metric, base, queries } = made
  await writeArray(join(folder, PARTS.base), base.values)
  await writeArray(join(folder, PARTS.queries), queries.values)
  await writeArray(join(folder, PARTS.neighbours), truth.neighbours)
  await writeArray(join(folder, PARTS.distances), truth.distances)
  const kept: Kept = {
    name: recipe.name,
    about: recipe.about,
    metric,
    rows: rowsOf(base),
    dim: base.dim,
    queries: rowsOf(queries),
    depth: truth.depth,
    recipe: recipe.recipe,
  }
  await writeFile(join(folder, ABOUT), `${JSON.stringify(kept, null, 2)}\n`)
}

/** What lies there, if it was made by this very recipe. */
async function datasetIn(folder: string, { recipe, about }: Recipe): Promise<Dataset | undefined> {
  const path = join(folder, ABOUT)
  if (!existsSync(path)) return undefined
  const { recipe: kept, ...dataset } = JSON.parse(await readFile(path, 'utf8')) as Kept
  if (kept !== recipe) return undefined
  const paths = Object.fromEntries(Object.entries(PARTS).map(([part, name]) => [part, join(folder, name)]))
  return { ...dataset, about, paths: paths as Record<keyof typeof PARTS, string> }
}

/** Removes what processes left that live no more. */
async function sweep(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    const pid = Number(name.split('-').at(-1))
    if (!name.startsWith(MAKING) || isAlive(pid)) continue
    await rm(join(root, name), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Another user's process may not be signalled, which proves that it lives.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
