/** Writes indexes for hnswlib into a folder: `node write.ts FOLDER`; `load.py` takes them from there. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildIndex } from 'nearfield'
import { clustered, METRICS } from '../cases/data.ts'

const [folder] = process.argv.slice(2) as [string]
const ROWS = 3000
const DIM = 32
const QUERIES = 200

for (const metric of METRICS) {
  const data = clustered(ROWS, DIM, 6)
  // Copies, which hnswlib keeps as elements of their own: one vector 40 times.
  for (let copy = 1; copy < 40; copy++) data.copyWithin(copy * 70 * DIM, 0, DIM)
  const queries = clustered(QUERIES, DIM, 7)
  const keys = Array.from({ length: ROWS }, (_, i) => 3 * i + 1)
  await using index = await buildIndex(data, { dim: DIM, kind: 'hnsw', metric, keys })
  await index.save(join(folder, `${metric}.bin`), { format: 'hnswlib' })
  await writeFile(join(folder, `${metric}.data`), data)
  await writeFile(join(folder, `${metric}.queries`), queries)
  const recalls = [20, 50, 200].map(async (ef) => [ef, await index.recall(queries, { k: 10, ef })])
  await writeFile(join(folder, `${metric}.json`), JSON.stringify(await Promise.all(recalls)))
}
