/** Fetches the data files. The only file of the embedder that knows a browser. */

import { type Embedder, makeEmbedder } from './embedder.ts'
import { parseVerses, type Verse } from './verses.ts'

/** Called with the bytes that have arrived since the last call. */
export type OnBytes = (bytes: number) => void

/** Sizes are known beforehand so that one bar can cover all files; see `data/README.md`. */
export const DATA_BYTES = 231_508 + 7_813_632 + 1_024 + 1_306_795

export async function loadEmbedder(folder: URL, onBytes?: OnBytes): Promise<Embedder> {
  const [vocabulary, vectors, scales] = await Promise.all([
    fetchBytes(new URL('vocab.txt', folder), onBytes).then((response) => response.text()),
    fetchBytes(new URL('token-vectors.i8', folder), onBytes).then((response) => response.arrayBuffer()),
    fetchBytes(new URL('token-scales.f32', folder), onBytes).then((response) => response.arrayBuffer()),
  ])
  return makeEmbedder({ vocabulary, vectors: new Int8Array(vectors), scales: new Float32Array(scales) })
}

export async function loadVerses(folder: URL, onBytes?: OnBytes): Promise<Verse[]> {
  const packed = await fetchBytes(new URL('kjv.tsv.gz', folder), onBytes)
  const text = packed.body?.pipeThrough(new DecompressionStream('gzip'))
  return parseVerses(await new Response(text ?? null).text())
}

async function fetchBytes(url: URL, onBytes?: OnBytes): Promise<Response> {
  const response = await fetch(url)
  if (!response.ok || !response.body)
    throw new Error(`${url.pathname}: the server answered ${response.status}`)
  const counter = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(chunk, controller) {
      onBytes?.(chunk.byteLength)
      controller.enqueue(chunk)
    },
  })
  return new Response(response.body.pipeThrough(counter))
}
