/**
 * Recall@10 of the verses' graph against exact search, by ef: `npm run bench:recall`.
 *
 * Two sets of questions: halves of verses, which are no rows, and rows themselves. Then every row is
 * searched for, and what does not find itself is counted.
 */
import { buildIndex } from 'nearfield'
import { loadEmbedder, loadVerses } from '../examples/verses/embedder/load-node.ts'
import { embedTexts, heldOutQuestions } from '../examples/verses/embedder/verses.ts'

const K = 10
const QUESTIONS = 1000
const EFS = [20, 40, 60, 80, 100, 150, 200]
/** Rounding of a cosine distance in float32. */
const SAME = 1e-6

const [embedder, verses] = await Promise.all([loadEmbedder(), loadVerses()])
const { dim } = embedder
const vectors = embedTexts(
  embedder,
  verses.map(({ text }) => text),
)
const heldOut = embedTexts(embedder, heldOutQuestions(verses, QUESTIONS))
const stride = Math.floor(verses.length / QUESTIONS)
const rows = new Float32Array(QUESTIONS * dim)
for (let at = 0; at < QUESTIONS; at++)
  rows.set(vectors.subarray(at * stride * dim, (at * stride + 1) * dim), at * dim)

await using index = await buildIndex(vectors, { dim, kind: 'hnsw', metric: 'cosine' })
const table: Record<string, object> = {}
for (const ef of EFS) {
  const [questions, own] = [await index.recall(heldOut, { k: K, ef }), await index.recall(rows, { k: K, ef })]
  table[`ef ${ef}`] = { 'held-out questions': questions.toFixed(4), 'rows themselves': own.toFixed(4) }
}
console.table(table)
const { distances } = await index.searchBatch(vectors, { k: 1, ef: 100 })
const missed = distances.reduce((count, distance) => count + Number(!(distance <= SAME)), 0)
console.log(`${missed} of ${verses.length} rows do not find themselves at ef 100`)
