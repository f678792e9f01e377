/**
 * Text to token ids, as BERT (uncased) does it: drop control characters, put spaces around CJK
 * ideographs, lower-case, strip accents, split on white space and punctuation, then WordPiece.
 *
 * Invariants: no Node and no DOM here; the same text gives the same ids everywhere; a word's ids do
 * not depend on its neighbours, so they are kept by word, and the cache is bounded.
 *
 *   text ─ white space ─▶ chunk ─ accents, punctuation ─▶ word ─ longest match first ─▶ ids
 */

/** Longer words are not cut up, as in BERT. */
const WORD_CHARACTERS_MAX = 100
/** Enough for a whole book; what a person types into a page all day must not grow it for ever. */
const CACHED_CHUNKS_MAX = 100_000

const WHITE_SPACE = /[\t\n\r\p{Z}]+/u
const CONTROL = /[\p{C}\uFFFD]/gu
const ACCENT = /\p{Mn}/gu
/** The blocks that BERT calls Chinese characters; each is a word of its own. */
const IDEOGRAPH =
  /[\u{3400}-\u{4DBF}\u{4E00}-\u{9FFF}\u{F900}-\u{FAFF}\u{20000}-\u{2A6DF}\u{2A700}-\u{2CEAF}\u{2F800}-\u{2FA1F}]/gu
/** All ASCII that is no letter, digit or space counts as punctuation, also what Unicode calls symbols. */
const PUNCTUATION_CLASS = '!-\\/:-@\\[-`\\{-~\\p{P}'
const WORD = new RegExp(`[${PUNCTUATION_CLASS}]|[^\\s${PUNCTUATION_CLASS}]+`, 'gu')

export interface Tokenizer {
  /** Token ids of a text, `[UNK]` for words the vocabulary cannot spell. */
  ids(text: string): number[]
  /** The same as strings, continuations marked by `##`. */
  tokens(text: string): string[]
}

/** `vocabulary[i]` is the token with id `i`. */
export function makeTokenizer(vocabulary: readonly string[]): Tokenizer {
  const idByToken = new Map(vocabulary.map((token, id) => [token, id]))
  const unknown = idByToken.get('[UNK]')
  if (unknown === undefined) throw new Error('vocabulary: expected a token [UNK], found none')
  const cache = new Map<string, readonly number[]>()

  function chunkIds(chunk: string): readonly number[] {
    const known = cache.get(chunk)
    if (known) return known
    const ids = words(chunk).flatMap((word) => wordPieces(word, idByToken) ?? [unknown as number])
    if (cache.size >= CACHED_CHUNKS_MAX) cache.clear()
    cache.set(chunk, ids)
    return ids
  }

  function ids(text: string): number[] {
    const all: number[] = []
    for (const chunk of text.split(WHITE_SPACE)) {
      if (chunk !== '') for (const id of chunkIds(chunk)) all.push(id)
    }
    return all
  }

  return { ids, tokens: (text) => ids(text).map((id) => vocabulary[id] as string) }
}

/** A chunk without white space, cut into clean words and single punctuation marks. */
function words(chunk: string): string[] {
  const spaced = chunk.replace(CONTROL, '').replace(IDEOGRAPH, ' $& ')
  return spaced.toLowerCase().normalize('NFD').replace(ACCENT, '').match(WORD) ?? []
}

/** Longest match first from the left; `null` when some part is in no entry of the vocabulary. */
function wordPieces(word: string, idByToken: ReadonlyMap<string, number>): number[] | null {
  const characters = Array.from(word)
  if (characters.length > WORD_CHARACTERS_MAX) return null
  const ids: number[] = []
  let start = 0
  while (start < characters.length) {
    let end = characters.length
    let id: number | undefined
    for (; end > start; end -= 1) {
      const piece = characters.slice(start, end).join('')
      id = idByToken.get(start === 0 ? piece : `##${piece}`)
      if (id !== undefined) break
    }
    if (id === undefined) return null
    ids.push(id)
    start = end
  }
  return ids
}
