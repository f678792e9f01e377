/**
 * A user's own vectors: `.fvecs`, `.npy`, or `.hdf5` as ann-benchmarks makes them.
 *
 * Queries of an .fvecs or .npy come from the file named in the options, or from its neighbour
 * (`sift_base.fvecs` → `sift_query.fvecs`), or are its last rows, which are then no rows any more.
 */

import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, dirname, extname, join, resolve } from 'node:path'
import type { Metric } from '../harness/contract.ts'
import { readFvecs } from './fvecs.ts'
import { readHdf5 } from './hdf5.ts'
import { type Matrix, rowsBetween, rowsOf } from './matrix.ts'
import { readNpy } from './npy.ts'
import type { Made, Recipe } from './store.ts'

const QUERIES_MAX = 1000
/** Of few rows, only a tenth is held out. */
const HELD_OUT_SHARE = 0.1

const READERS: Readonly<Record<string, (path: string) => Promise<Matrix>>> = {
  '.fvecs': readFvecs,
  '.npy': readNpy,
}
const HDF5 = ['.hdf5', '.h5']
const ENDINGS = [...Object.keys(READERS), ...HDF5]

export interface UserFileOptions {
  /** A file of queries, `.fvecs` or `.npy`. */
  readonly queries?: string | undefined
  /** l2 unless given; an .hdf5 says it itself. */
  readonly metric?: Metric | undefined
}

/** What `path` would become. Its recipe changes with the files' sizes and times. */
export async function userRecipe(path: string, options: UserFileOptions): Promise<Recipe> {
  const ending = extname(path).toLowerCase()
  if (!ENDINGS.includes(ending)) {
    throw new Error(`${path}: expected a file ending in ${ENDINGS.join(', ')}, received ${ending || 'none'}`)
  }
  const isHdf5 = HDF5.includes(ending)
  if (isHdf5 && options.queries !== undefined) {
    throw new Error(`${path}: expected no queries beside it, it holds its own; received ${options.queries}`)
  }
  const queries = isHdf5 ? undefined : (options.queries ?? siblingQueries(path))
  const stamps = await Promise.all([path, ...(queries ? [queries] : [])].map(stampOf))
  const hash = createHash('sha256').update(resolve(path)).digest('hex').slice(0, 8)
  const name = basename(path, extname(path))
  const asked = queries ? `queries ${basename(queries)}` : 'its last rows held out as queries'
  return {
    name,
    about: `${basename(path)}, ${isHdf5 ? 'its test as queries' : asked}`,
    folder: `file-${name.replace(/[^\w-]+/g, '-')}-${hash}`,
    recipe: ['file 1', ...stamps, options.metric ?? 'metric by file'].join('; '),
    make: () => (isHdf5 ? fromHdf5(path, options) : fromMatrix(path, queries, options)),
  }
}

async function stampOf(path: string): Promise<string> {
  const { size, mtimeMs } = await stat(path)
  return `${basename(path)} ${size} bytes at ${mtimeMs}`
}

function siblingQueries(path: string): string | undefined {
  const name = basename(path).replace(/([_-])base\./, '$1query.')
  const sibling = join(dirname(path), name)
  return name !== basename(path) && existsSync(sibling) ? sibling : undefined
}

async function fromMatrix(
  path: string,
  queryPath: string | undefined,
  options: UserFileOptions,
): Promise<Made> {
  const all = await readMatrix(path)
  const metric = options.metric ?? 'l2'
  if (queryPath !== undefined) {
    const queries = await readMatrix(queryPath)
    if (queries.dim !== all.dim) {
      throw new Error(`${queryPath}: expected ${all.dim} columns like ${path}, received ${queries.dim}`)
    }
    return { metric, base: all, queries }
  }
  const rows = rowsOf(all)
  const heldOut = Math.min(QUERIES_MAX, Math.floor(rows * HELD_OUT_SHARE))
  if (heldOut === 0)
    throw new Error(`${path}: expected 10 rows or more to hold queries out, received ${rows}`)
  return {
    metric,
    base: rowsBetween(all, 0, rows - heldOut),
    queries: rowsBetween(all, rows - heldOut, rows),
  }
}

function readMatrix(path: string): Promise<Matrix> {
  const reader = READERS[extname(path).toLowerCase()]
  if (!reader) throw new Error(`${path}: expected queries in ${Object.keys(READERS).join(' or ')}`)
  return reader(path)
}

async function fromHdf5(path: string, options: UserFileOptions): Promise<Made> {
  const { metric, ...vectors } = await readHdf5(path)
  if (options.metric !== undefined && options.metric !== metric) {
    throw new Error(`${path}: expected metric ${metric}, as the file says, received ${options.metric}`)
  }
  return { metric, ...vectors }
}
