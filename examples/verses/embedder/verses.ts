/**
 * The verses: what the file holds, the names people know, and questions about them.
 *
 * Invariants: no Node and no DOM here; references are unique, so they serve as the index's keys;
 * the held-out questions are the same on every machine and none of them is a verse.
 */

import type { Embedder } from './embedder.ts'

export interface Verse {
  /** "Luke 6:27" */
  readonly reference: string
  readonly text: string
}

export const EXAMPLE_QUESTIONS = [
  'love your enemies',
  'parting the sea',
  'falling down walls of a city',
] as const

const BOOK_BY_SHORT_NAME: Readonly<Record<string, string>> = {
  Ge: 'Genesis',
  Exo: 'Exodus',
  Lev: 'Leviticus',
  Num: 'Numbers',
  Deu: 'Deuteronomy',
  Josh: 'Joshua',
  Jdgs: 'Judges',
  Ruth: 'Ruth',
  '1Sm': '1 Samuel',
  '2Sm': '2 Samuel',
  '1Ki': '1 Kings',
  '2Ki': '2 Kings',
  '1Chr': '1 Chronicles',
  '2Chr': '2 Chronicles',
  Ezra: 'Ezra',
  Neh: 'Nehemiah',
  Est: 'Esther',
  Job: 'Job',
  Psa: 'Psalm',
  Prv: 'Proverbs',
  Eccl: 'Ecclesiastes',
  SSol: 'Song of Solomon',
  Isa: 'Isaiah',
  Jer: 'Jeremiah',
  Lam: 'Lamentations',
  Eze: 'Ezekiel',
  Dan: 'Daniel',
  Hos: 'Hosea',
  Joel: 'Joel',
  Amos: 'Amos',
  Obad: 'Obadiah',
  Jonah: 'Jonah',
  Mic: 'Micah',
  Nahum: 'Nahum',
  Hab: 'Habakkuk',
  Zep: 'Zephaniah',
  Hag: 'Haggai',
  Zec: 'Zechariah',
  Mal: 'Malachi',
  Mat: 'Matthew',
  Mark: 'Mark',
  Luke: 'Luke',
  John: 'John',
  Acts: 'Acts',
  Rom: 'Romans',
  '1Cor': '1 Corinthians',
  '2Cor': '2 Corinthians',
  Gal: 'Galatians',
  Eph: 'Ephesians',
  Phi: 'Philippians',
  Col: 'Colossians',
  '1Th': '1 Thessalonians',
  '2Th': '2 Thessalonians',
  '1Tim': '1 Timothy',
  '2Tim': '2 Timothy',
  Titus: 'Titus',
  Phmn: 'Philemon',
  Heb: 'Hebrews',
  Jas: 'James',
  '1Pet': '1 Peter',
  '2Pet': '2 Peter',
  '1Jn': '1 John',
  '2Jn': '2 John',
  '3Jn': '3 John',
  Jude: 'Jude',
  Rev: 'Revelation',
}

/** Lines of `Reference<TAB>text`. */
export function parseVerses(tsv: string): Verse[] {
  const lines = tsv.replace(/\r?\n$/, '').split(/\r?\n/)
  return lines.map((line, at) => {
    const match = /^(\d?[A-Za-z]+)(\d+:\d+)\t(.+)$/.exec(line)
    const [, short, place, text] = match ?? []
    const book = short === undefined ? undefined : BOOK_BY_SHORT_NAME[short]
    if (!book || !place || !text) {
      throw new Error(`verses, line ${at + 1}: expected Reference<TAB>text, received "${line.slice(0, 40)}"`)
    }
    return { reference: `${book} ${place}`, text }
  })
}

/**
 * Questions to measure recall with: halves of verses, and a half of one joined to a half of another.
 * They look like the data yet are none of its rows, so that no row can win by being its own answer.
 */
export function heldOutQuestions(verses: readonly Verse[], count: number): string[] {
  const known = new Set(verses.map((verse) => verse.text))
  const questions: string[] = []
  for (let turn = 0; questions.length < count && turn < count * 10; turn += 1) {
    // Two strides without a common factor walk through all books in an order of no meaning.
    const first = halves((verses[(turn * 7919 + 13) % verses.length] as Verse).text)
    const second = halves((verses[(turn * 104_729 + 4242) % verses.length] as Verse).text)
    const shapes = [first[0], second[1], `${first[0]} ${second[1]}`] as const
    const question = shapes[turn % shapes.length] as string
    // A short half may be a verse of its own, or next to one: "And the LORD spake unto Moses, saying,".
    if (question.split(' ').length >= 5 && !known.has(question)) questions.push(question)
  }
  return questions
}

function halves(text: string): [string, string] {
  const words = text.split(' ')
  const middle = Math.ceil(words.length / 2)
  return [words.slice(0, middle).join(' '), words.slice(middle).join(' ')]
}

/** All texts as one row-major array. */
export function embedTexts(
  embedder: Embedder,
  texts: readonly string[],
  onRow?: (done: number) => void,
): Float32Array {
  const rows = new Float32Array(texts.length * embedder.dim)
  texts.forEach((text, row) => {
    embedder.embedInto(text, rows, row * embedder.dim)
    onRow?.(row + 1)
  })
  return rows
}
