/** Reads the data files from a folder. The only file of the embedder that knows Node. */

import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { type Embedder, makeEmbedder } from './embedder.ts'
import { parseVerses, type Verse } from './verses.ts'

export const DATA_FOLDER = new URL('../data/', import.meta.url)

export async function loadEmbedder(folder: URL = DATA_FOLDER): Promise<Embedder> {
  const [vocabulary, vectors, scales] = await Promise.all([
    readFile(new URL('vocab.txt', folder), 'utf8'),
    readFile(new URL('token-vectors.i8', folder)),
    readFile(new URL('token-scales.f32', folder)),
  ])
  return makeEmbedder({
    vocabulary,
    vectors: new Int8Array(vectors.buffer, vectors.byteOffset, vectors.byteLength),
    // A small file may come from a shared buffer at any offset; floats need a multiple of four.
    scales: new Float32Array(Uint8Array.from(scales).buffer),
  })
}

export async function loadVerses(folder: URL = DATA_FOLDER): Promise<Verse[]> {
  return parseVerses(gunzipSync(await readFile(new URL('kjv.tsv.gz', folder))).toString('utf8'))
}
