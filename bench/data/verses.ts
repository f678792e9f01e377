/**
 * Embedded Bible verses: as they are (256 columns), and three neighbouring ones side by side (768).
 * Questions are halves of verses, which are no rows.
 */

import type { Embedder } from '../../examples/verses/embedder/embedder.ts'
import { loadEmbedder, loadVerses } from '../../examples/verses/embedder/load-node.ts'
import { embedTexts, heldOutQuestions, type Verse } from '../../examples/verses/embedder/verses.ts'
import type { Matrix } from './matrix.ts'

/** A half with fewer words is too often another verse's half as well: "And he said,". */
const HALF_WORDS_MIN = 4

interface RowsAndQueries {
  readonly base: Matrix
  readonly queries: Matrix
}

/** Every verse; questions by `heldOutQuestions`: a half, or a half of one joined to a half of another. */
export async function verseVectors(questions: number): Promise<RowsAndQueries> {
  const [embedder, verses] = await Promise.all([loadEmbedder(), loadVerses()])
  const asked = heldOutQuestions(verses, questions)
  if (asked.length < questions) {
    throw new Error(`verses: expected ${questions} questions, received ${asked.length}`)
  }
  const textRows = verses.map(({ text }) => [text])
  return {
    base: sideBySide(embedder, textRows),
    queries: sideBySide(
      embedder,
      asked.map((text) => [text]),
    ),
  }
}

/**
 * Rows: verses (i, i + 1, i + 2) for every i; then, for evenly spread i, verses (i, i + 2, i + 4) until
 * there are `rows`. Questions: halves of three neighbouring verses in their place, first and second
 * halves in turn.
 */
export async function verseTriples(rows: number, questions: number): Promise<RowsAndQueries> {
  const [embedder, verses] = await Promise.all([loadEmbedder(), loadVerses()])
  const places = triplePlaces(verses.length, rows)
  const textRows = places.map((place) => place.map((verse) => verses[verse]!.text))
  return {
    base: sideBySide(embedder, textRows),
    queries: sideBySide(embedder, halfTriples(verses, questions)),
  }
}

/** The vectors of a row's texts one after the other. */
function sideBySide(embedder: Embedder, textRows: readonly (readonly string[])[]): Matrix {
  const width = textRows[0]!.length
  return { dim: width * embedder.dim, values: embedTexts(embedder, textRows.flat()) as Matrix['values'] }
}

function triplePlaces(verses: number, rows: number): number[][] {
  const neighbours = Array.from({ length: verses - 2 }, (_, i) => [i, i + 1, i + 2])
  const more = rows - neighbours.length
  const step = Math.floor((verses - 4) / more)
  const skipping = Array.from({ length: more }, (_, n) => [n * step, n * step + 2, n * step + 4])
  return [...neighbours, ...skipping]
}

/** Walks through all books in an order of no meaning, as `heldOutQuestions` does. */
function halfTriples(verses: readonly Verse[], count: number): string[][] {
  const known = new Set(verses.map(({ text }) => text))
  const triples: string[][] = []
  for (let turn = 0; triples.length < count; turn++) {
    if (turn === verses.length) {
      throw new Error(`triples of verses: expected ${count} questions, received ${triples.length}`)
    }
    const first = (turn * 7919 + 13) % (verses.length - 2)
    const halves = verses.slice(first, first + 3).map(({ text }, at) => half(text, (turn + at) % 2 === 0))
    const usable = halves.every((text) => text.split(' ').length >= HALF_WORDS_MIN && !known.has(text))
    if (usable) triples.push(halves)
  }
  return triples
}

function half(text: string, first: boolean): string {
  const words = text.split(' ')
  const middle = Math.ceil(words.length / 2)
  return (first ? words.slice(0, middle) : words.slice(middle)).join(' ')
}
