/** The embedder against vectors made elsewhere (`data/golden.json`), and BERT's rules at their edges. */

import { readFile } from 'node:fs/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Embedder } from '../embedder/embedder.ts'
import { makeEmbedder } from '../embedder/embedder.ts'
import { DATA_FOLDER, loadEmbedder } from '../embedder/load-node.ts'

interface Golden {
  readonly text: string
  readonly tokens: readonly string[]
  readonly first8: readonly number[]
}

let embedder: Embedder
beforeAll(async () => {
  embedder = await loadEmbedder()
})

describe('golden', async () => {
  const golden = JSON.parse(await readFile(new URL('golden.json', DATA_FOLDER), 'utf8')) as Golden[]
  it.each(golden)('$text', ({ text, tokens, first8 }) => {
    expect(embedder.tokens(text)).toEqual(tokens)
    const vector = embedder.embed(text)
    expect(vector).toHaveLength(256)
    first8.forEach((value, column) => {
      expect(Math.abs((vector[column] as number) - value)).toBeLessThan(1e-5)
    })
    expect(Math.hypot(...vector)).toBeCloseTo(1, 5)
  })
})

describe('tokens', () => {
  it.each([
    ['nothing at all', '', []],
    ['white space of every kind', ' \t\r\n\u00a0\u2003\u3000\u2028', []],
    ['an emoji, with and without neighbours', 'joy 😀 👩‍👩‍👧 joy', ['joy', '[UNK]', '[UNK]', 'joy']],
    [
      'control and format characters',
      'lo\u0000ve\u200b\ufeff your\u00ad \ufffdenemies',
      ['love', 'your', 'enemies'],
    ],
    ['ideographs one by one', '水和火', ['水', '和', '火']],
    ['ideographs inside a word', 'ab水cd', ['ab', '水', 'cd']],
    ['punctuation in a row', 'no!?—yes…', ['no', '!', '?', '—', 'yes', '…']],
    [
      'ASCII symbols',
      'a+b=c$d^e`f|g~h<i>',
      ['a', '+', 'b', '=', 'c', '$', 'd', '^', 'e', '`', 'f', '|', 'g', '~', 'h', '<', 'i', '>'],
    ],
    ['accents composed and not', 'CAFÉ cafe\u0301 Ångström', ['cafe', 'cafe', 'ang', '##strom']],
    ['a lone surrogate', 'a\ud800b', ['ab']],
  ])('%s', (_what, text, expected) => {
    const tokens = embedder.tokens(text)
    expect(tokens).toEqual(expected)
  })

  it('cuts a word of 100 characters and gives up on 101, as BERT does', () => {
    expect(embedder.tokens('a'.repeat(100))).not.toContain('[UNK]')
    expect(embedder.tokens('a'.repeat(101))).toEqual(['[UNK]'])
    expect(embedder.tokens(`so ${'a'.repeat(5000)} what`)).toEqual(['so', '[UNK]', 'what'])
  })

  it('counts characters, not UTF-16 units', () => {
    expect(embedder.tokens('𝒂'.repeat(60))).toEqual(['[UNK]'])
    expect(embedder.tokens(`${'é'.repeat(100)}`)).not.toContain('[UNK]')
  })
})

describe('vectors', () => {
  it('a text without tokens is all zeros, never NaN', () => {
    expect([...embedder.embed('')].every((value) => value === 0)).toBe(true)
  })

  it('equals the mean of rows, scaled and normalised in f64', () => {
    // Two tokens, two columns, worked by hand: sums (4, 0) and scales (0.5, 2) give (2, 0).
    const tiny = makeEmbedder({
      vocabulary: '[UNK]\na\nb\n',
      vectors: Int8Array.of(0, 7, 1, 3, 3, -3),
      scales: Float32Array.of(0.5, 2),
    })
    expect([...tiny.embed('a b')]).toEqual([1, 0])
    expect(tiny.embed('zzz')[1]).toBe(1)
  })

  it('does not depend on what was embedded before', () => {
    const first = embedder.embed('in the beginning')
    embedder.embed('something else entirely')
    expect(embedder.embed('in the beginning')).toEqual(first)
  })

  it('names expected and received when the files do not fit together', () => {
    const files = { vocabulary: '[UNK]\na\n', vectors: new Int8Array(5), scales: new Float32Array(2) }
    expect(() => makeEmbedder(files)).toThrow('expected 2 tokens × 2 bytes, received 5 bytes')
    expect(() => makeEmbedder({ ...files, vocabulary: 'a\nb\n', vectors: new Int8Array(4) })).toThrow('[UNK]')
  })
})
