/** A data set with fewer questions: the first of them, in files of their own beside it. */
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Dataset } from '../harness/contract.ts'
import { readBytes, writeArray } from './matrix.ts'

export async function firstQueries(dataset: Dataset, count: number): Promise<Dataset> {
  const { queries, dim, depth, paths } = dataset
  if (queries <= count) return dataset
  const folder = join(dirname(paths.queries), `first-${count}`)
  await mkdir(folder, { recursive: true })
  const widths = { queries: dim * 4, neighbours: depth * 4, distances: depth * 8 }
  const fewer: Record<string, string> = {}
  for (const [name, width] of Object.entries(widths)) {
    const path = join(folder, name)
    const bytes = await readBytes(paths[name as keyof typeof widths], 0, count * width)
    await writeArray(path, new Uint8Array(bytes))
    fewer[name] = path
  }
  return { ...dataset, queries: count, paths: { ...paths, ...fewer } }
}
