/**
 * How like embeddings generated rows are: `npm run bench:likeness`.
 *
 * As many rows of each, all of length 1, one graph each of the same settings (vectors, no codes). Asked are rows held
 * out, and of generated data rows after the last.
 *
 *   dimensions   in effect, by how distances grow: Levina and Bickel's estimate over the 20 nearest, MacKay and
 *                Ghahramani's mean of it
 *   hubs         how unequally often a row is among the 10 nearest of questions: the skewness of that count
 *   contrast     the distance of the 10th nearest ÷ that of the middle of all: 1 where everything is equally far
 *   recall@10    by ef
 */
import { readFile } from 'node:fs/promises'
import { buildIndex, generateVectors } from 'nearfield'
import { prepare } from './data/catalogue.ts'

const ROWS = 25_000
const QUESTIONS = 1000
const K = 10
const LID_K = 20
const EFS = [16, 32, 64, 128, 256]

interface Rows {
  readonly dim: number
  readonly base: Float32Array
  readonly questions: Float32Array
}

async function real(name: string): Promise<Rows> {
  const { dim, paths } = await prepare(name)
  const floats = async (path: string, rows: number) => {
    const { buffer, byteOffset } = await readFile(path)
    return new Float32Array(buffer.slice(byteOffset, byteOffset + rows * dim * 4))
  }
  return {
    dim,
    base: unit(await floats(paths.base, ROWS), dim),
    questions: unit(await floats(paths.queries, QUESTIONS), dim),
  }
}

async function generated(dim: number, more: object): Promise<Rows> {
  const all = await generateVectors({ rows: ROWS + QUESTIONS, dim, normalize: true, seed: 7, ...more })
  return { dim, base: all.slice(0, ROWS * dim), questions: all.slice(ROWS * dim) }
}

function unit(rows: Float32Array, dim: number): Float32Array {
  for (let from = 0; from < rows.length; from += dim) {
    const row = rows.subarray(from, from + dim)
    const length = Math.hypot(...row) || 1
    for (let at = 0; at < dim; at++) row[at]! /= length
  }
  return rows
}

async function measure({ dim, base, questions }: Rows): Promise<Record<string, string>> {
  await using index = await buildIndex(base, { dim, kind: 'hnsw', metric: 'l2', codec: 'f32' })
  const exact = await index.searchBatch(questions, { k: LID_K, exact: true })
  const seen = new Float64Array(ROWS)
  let inverse = 0
  for (let question = 0; question < QUESTIONS; question++) {
    const hits = exact.row(question)
    for (const { key } of hits.slice(0, K)) seen[Number(key)]!++
    const radius = Math.sqrt(hits[LID_K - 1]!.distance)
    for (const { distance } of hits.slice(0, LID_K - 1)) {
      inverse += Math.log(radius / Math.max(Math.sqrt(distance), 1e-6)) / (LID_K - 1)
    }
  }
  const answer: Record<string, string> = {
    dimensions: (QUESTIONS / inverse).toFixed(1),
    hubs: skewness(seen).toFixed(1),
    contrast: contrast({ dim, base, questions }, exact.distances).toFixed(2),
  }
  for (const ef of EFS) answer[`ef ${ef}`] = (await index.recall(questions, { k: K, ef })).toFixed(3)
  return answer
}

function skewness(counts: Float64Array): number {
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length
  const moment = (power: number) =>
    counts.reduce((sum, count) => sum + (count - mean) ** power, 0) / counts.length
  return moment(3) / moment(2) ** 1.5
}

/** The middle of all by a sample of rows. */
function contrast({ dim, base, questions }: Rows, distances: Float32Array): number {
  const ratios: number[] = []
  for (let question = 0; question < 100; question++) {
    const asked = questions.subarray(question * dim, (question + 1) * dim)
    const others = Array.from({ length: 501 }, (_, at) => {
      const from = Math.floor((at * ROWS) / 501) * dim
      let sum = 0
      for (let i = 0; i < dim; i++) sum += (asked[i]! - base[from + i]!) ** 2
      return Math.sqrt(sum)
    }).sort((a, b) => a - b)
    ratios.push(Math.sqrt(distances[question * LID_K + K - 1]!) / others[250]!)
  }
  return ratios.sort((a, b) => a - b)[50]!
}

const sets: Readonly<Record<string, () => Promise<Rows>>> = {
  'verses, 256': () => real('verses'),
  'clustered, 256': () => generated(256, { distribution: 'clustered' }),
  'clustered, spread 0.5': () => generated(256, { distribution: 'clustered', spread: 0.5 }),
  'words, 100': () => real('words'),
  'clustered, 100': () => generated(100, { distribution: 'clustered' }),
  'gaussian, 100': () => generated(100, { distribution: 'gaussian' }),
}
const table: Record<string, Record<string, string>> = {}
for (const [name, make] of Object.entries(sets)) table[name] = await measure(await make())
console.table(table)
