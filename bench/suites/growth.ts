/**
 * How builds, memory and speed change from ten thousand rows to a million: `npm run bench -- --suite growth`.
 *
 *   clusters of 100 numbers, 10k ─► 100k ─► 1M rows of one cloud, each measured as `npm run bench` measures a set
 *
 * It shows where zones give way to a graph, and whether anything grows faster than n log n.
 */
import { chosen } from '../harness/engines.ts'
import { keep } from '../harness/keep.ts'
import type { Options } from '../harness/options.ts'
import { run } from '../harness/run.ts'
import { asText } from '../report/tables.ts'
import { pictures, table } from './growth-report.ts'

const DATASETS = ['clusters-10k-100', 'clusters-100k-100', 'clusters-1m-100']
const ENGINES = ['nearfield hnsw', 'nearfield zones']

export async function growth(options: Options, command: string): Promise<void> {
  const { datasets = DATASETS, engines = ENGINES, full } = options
  const results = await run(datasets, chosen(engines, full), options, command)
  const kept = { name: 'growth', recorded: 'growth', pictures: pictures(results) }
  await keep(results, kept, options)
  console.log(asText(table(results)))
}
