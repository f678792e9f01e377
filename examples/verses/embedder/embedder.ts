/**
 * Text to a unit vector of 256 numbers without a model runtime: the mean of its tokens' vectors.
 *
 * Invariants: no Node and no DOM here; every vector has length 1, except that a text without tokens
 * gives all zeros; sums are exact integers until the last step, so every engine gives the same numbers.
 *
 *   vectors  i8   rows × dim, one row a token        sum over tokens, then
 *   scales   f32  dim, one factor a column           × scale, ÷ length
 */

import { makeTokenizer } from './tokenizer.ts'

export interface EmbedderFiles {
  /** One token a line; the line's number is its id. */
  readonly vocabulary: string
  readonly vectors: Int8Array
  readonly scales: Float32Array
}

export interface Embedder {
  readonly dim: number
  tokens(text: string): string[]
  embed(text: string): Float32Array
  /** Writes into `out[offset … offset + dim − 1]`, so that many texts share one array. */
  embedInto(text: string, out: Float32Array, offset: number): void
}

export function makeEmbedder({ vocabulary, vectors, scales }: EmbedderFiles): Embedder {
  const lines = vocabulary.replace(/\r?\n$/, '').split(/\r?\n/)
  const dim = scales.length
  if (vectors.length !== lines.length * dim) {
    throw new Error(
      `token vectors: expected ${lines.length} tokens × ${dim} bytes, received ${vectors.length} bytes`,
    )
  }
  const tokenizer = makeTokenizer(lines)
  const sums = new Int32Array(dim)

  function embedInto(text: string, out: Float32Array, offset: number): void {
    sums.fill(0)
    for (const id of tokenizer.ids(text)) {
      const row = id * dim
      for (let column = 0; column < dim; column += 1) {
        sums[column] = (sums[column] as number) + (vectors[row + column] as number)
      }
    }
    // The mean's division by the number of tokens cancels against the division by the length.
    let squares = 0
    for (let column = 0; column < dim; column += 1) {
      const value = (sums[column] as number) * (scales[column] as number)
      squares += value * value
    }
    const factor = squares > 0 ? 1 / Math.sqrt(squares) : 0
    for (let column = 0; column < dim; column += 1) {
      out[offset + column] = (sums[column] as number) * (scales[column] as number) * factor
    }
  }

  function embed(text: string): Float32Array {
    const out = new Float32Array(dim)
    embedInto(text, out, 0)
    return out
  }

  return { dim, tokens: tokenizer.tokens, embed, embedInto }
}
