/** The verses and the questions that recall is measured with. */

import { describe, expect, it } from 'vitest'
import { loadEmbedder, loadVerses } from '../embedder/load-node.ts'
import { embedTexts, heldOutQuestions, parseVerses } from '../embedder/verses.ts'

describe('verses', async () => {
  const verses = await loadVerses()

  it('are all there, each under a name of its own', () => {
    expect(verses).toHaveLength(31_102)
    expect(new Set(verses.map((verse) => verse.reference)).size).toBe(31_102)
    expect(verses[0]?.reference).toBe('Genesis 1:1')
    expect(verses.at(-1)?.reference).toBe('Revelation 22:21')
    expect(verses.find((verse) => verse.reference === 'Luke 6:27')?.text).toContain('Love your enemies')
  })

  it('refuse a line that is none, with its number', () => {
    expect(() => parseVerses('Ge1:1\tIn the beginning\nnonsense')).toThrow('line 2')
    expect(() => parseVerses('Xyz1:1\tIn the beginning')).toThrow('line 1')
  })

  it('held-out questions are many, always the same, and no row', async () => {
    const questions = heldOutQuestions(verses, 500)
    expect(questions).toHaveLength(500)
    expect(heldOutQuestions(verses, 500)).toEqual(questions)
    expect(new Set(questions).size).toBe(500)

    const embedder = await loadEmbedder()
    const asText = (row: Float32Array) => row.join()
    const rows = new Set(verses.map((verse) => asText(embedder.embed(verse.text))))
    expect(questions.filter((question) => rows.has(asText(embedder.embed(question))))).toEqual([])
  })

  it('fill one array row by row', async () => {
    const embedder = await loadEmbedder()
    const seen: number[] = []
    const rows = embedTexts(embedder, ['love', 'sea'], (done) => seen.push(done))
    expect(rows.subarray(0, 256)).toEqual(embedder.embed('love'))
    expect(rows.subarray(256)).toEqual(embedder.embed('sea'))
    expect(seen).toEqual([1, 2])
  })
})
