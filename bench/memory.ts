/**
 * Memory of a build, beside what is kept: `npm run bench:memory -- [--dataset words] [--codec auto] [--threads 1]`.
 *
 * The process holds the data before it builds, and gives nothing back to the system while it does: what its
 * resident set grows by at most is the build's, the vectors' copy with it.
 *
 *   kept    the file's sections of vectors and of links
 *   peak    the most that was resident, less what was before
 */
import { parseArgs } from 'node:util'
import { buildIndex } from 'nearfield'
import { prepare } from './data/catalogue.ts'
import { loadDataset } from './data/recall.ts'

const { values } = parseArgs({
  options: {
    dataset: { type: 'string', default: 'words' },
    codec: { type: 'string', default: 'auto' },
    threads: { type: 'string', default: '1' },
  },
})
const dataset = await prepare(values.dataset)
const { base } = await loadDataset(dataset)
const { dim, metric } = dataset
const where = { threads: Number(values.threads), backend: 'native' } as const
// Until the backend is loaded, the facade keeps a copy of what it is given; the next build finds it ready.
await (await buildIndex(new Float32Array(1), { dim: 1, ...where })).close()
const before = process.memoryUsage().rss
const index = await buildIndex(base.values, {
  dim,
  metric,
  kind: 'hnsw',
  codec: values.codec as 'auto',
  ...where,
})
const peak = process.resourceUsage().maxRSS * 1024 - before
const sections = index.stats().sections as { name: string; bytes: number }[]
const kept = sections
  .filter(({ name }) => ['vectors', 'links0', 'links', 'levels'].includes(name))
  .reduce((sum, { bytes }) => sum + bytes, 0)
const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`
console.log(`${values.dataset}: kept ${mib(kept)}, peak ${mib(peak)}, ${(peak / kept).toFixed(2)} × as much`)
await index.close()
