/** A worker that says when it is inside the addon and never stops. */

import { parentPort } from 'node:worker_threads'
import { loadNative } from '../index.js'

const { addon } = loadNative()
const dim = 64
const vectors = Float32Array.from({ length: 5_000 * dim }, (_, at) => Math.sin(at * 1.37))

for (let told = false; ; ) {
  const builder = new addon.Builder(vectors, JSON.stringify({ dim, kind: 'hnsw' }), null, 1)
  for (let phase = ''; phase !== 'done'; ) {
    const step = builder.step(2)
    if (!told) parentPort?.postMessage('busy')
    told = true
    phase = (await step).phase
  }
}
