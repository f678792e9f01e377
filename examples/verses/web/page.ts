/**
 * The page: loads the embedder, the verses and the index file, then searches while you type. The index
 * lives in the library's worker; this thread only embeds, which takes microseconds.
 */

import { type Index, openIndex } from 'nearfield'
import type { Embedder } from '../embedder/embedder.ts'
import { DATA_BYTES, loadEmbedder, loadVerses } from '../embedder/load-browser.ts'
import { EXAMPLE_QUESTIONS, embedTexts, heldOutQuestions, type Verse } from '../embedder/verses.ts'
import { makeLatest } from './latest.ts'
import * as view from './view.ts'

const PAUSE_MS = 60
const HITS = 10
const HELD_OUT_QUERIES = 100
/** The badge shows the median of so many queries, so that one hiccup does not show. */
const TIMES_KEPT = 100

interface Ready {
  readonly index: Index
  readonly embedder: Embedder
  readonly verses: readonly Verse[]
  readonly textByReference: ReadonlyMap<string, string>
}

const times: number[] = []

async function load(): Promise<Ready> {
  let dataBytes = 0
  let indexBytes = 0
  let indexBytesTotal = 0
  const show = () => view.showLoading(dataBytes + indexBytes, DATA_BYTES + indexBytesTotal)
  const onBytes = (bytes: number) => {
    dataBytes += bytes
    show()
  }
  const data = new URL('/data/', location.href)
  const [embedder, verses, index] = await Promise.all([
    loadEmbedder(data, onBytes),
    loadVerses(data, onBytes),
    openIndex(new URL('/verses.nfx', location.href), {
      onProgress({ phase, done, total }) {
        if (phase !== 'read') return
        indexBytes = done
        indexBytesTotal = total
        show()
      },
    }),
  ])
  return { index, embedder, verses, textByReference: new Map(verses.map((v) => [v.reference, v.text])) }
}

async function timedSearch(index: Index, vector: Float32Array) {
  const start = performance.now()
  const hits = await index.search(vector, { k: HITS })
  times.push(performance.now() - start)
  if (times.length > TIMES_KEPT) times.shift()
  const sorted = times.toSorted((a, b) => a - b)
  view.showTime(sorted[sorted.length >> 1] as number)
  return hits
}

async function measure({ index, embedder, verses }: Ready): Promise<void> {
  const questions = heldOutQuestions(verses, HELD_OUT_QUERIES)
  for (const text of questions) await timedSearch(index, embedder.embed(text))
  view.showRecall(await index.recall(embedTexts(embedder, questions), { k: HITS }))
}

const ready = load()

const latest = makeLatest(
  PAUSE_MS,
  async (asked: string) => {
    const { index, embedder, textByReference } = await ready
    if (asked === '') return { asked, verses: [] }
    const hits = await timedSearch(index, embedder.embed(asked))
    const verses = hits.map(({ key, distance }) => {
      const reference = String(key)
      return { reference, text: textByReference.get(reference) ?? '', distance }
    })
    return { asked, verses }
  },
  ({ asked, verses }) => view.showVerses(asked, verses),
  view.showFailure,
)

const ask = () => latest.ask(view.question.value.trim())
view.question.addEventListener('input', ask)
view.form.addEventListener('submit', (event) => {
  event.preventDefault()
  ask()
})
view.showExamples(EXAMPLE_QUESTIONS, (text) => {
  view.question.value = text
  view.question.focus()
  ask()
})

// On a phone this would raise the keyboard over the page.
if (matchMedia('(pointer: fine)').matches) view.question.focus()

try {
  const loaded = await ready
  view.showReady(loaded.index.backend)
  if (view.question.value.trim() !== '') ask()
  await measure(loaded)
} catch (error) {
  view.showFailure(error)
}
