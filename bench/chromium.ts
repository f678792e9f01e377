/**
 * Threaded WebAssembly in Chromium beside the native backend in Node: the verses' index, one file.
 *
 *   npm run bench:chromium -- [--rounds 7] [--ef 100] [--seconds 0.5]
 *
 * A round measures the page, then Node; ratios are taken within a round. A single query is awaited
 * through the public call on both sides: in the page that is a message to the worker and one back.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildIndex } from 'nearfield'
import { loadEmbedder, loadVerses } from '../examples/verses/embedder/load-node.ts'
import { embedTexts, heldOutQuestions } from '../examples/verses/embedder/verses.ts'
import { startBrowser } from '../packages/conformance/browsers.ts'
import { serve } from '../packages/conformance/server.ts'
import type { Spread } from './harness/contract.ts'
import { spread } from './harness/statistics.ts'
import { type Ask, measureRates, type Rates } from './page/rates.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    ef: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '0.5' },
  },
})
const ask = { k: 10, ef: Number(values.ef), seconds: Number(values.seconds), threads: [1, 2] } as const

async function prepare(folder: string) {
  const [embedder, verses] = await Promise.all([loadEmbedder(), loadVerses()])
  const vectors = embedTexts(
    embedder,
    verses.map(({ text }) => text),
  )
  const queries = embedTexts(embedder, heldOutQuestions(verses, 500))
  const index = await buildIndex(vectors, {
    dim: embedder.dim,
    kind: 'hnsw',
    metric: 'cosine',
    backend: 'native',
  })
  await index.save(join(folder, 'verses.nfx'))
  await writeFile(join(folder, 'queries.f32'), queries)
  return { index, queries }
}

const text = ({ median, min, max }: Spread, digits: number) =>
  `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`

function report(rounds: readonly { page: Rates; native: Rates }[]): void {
  const over = (value: (round: { page: Rates; native: Rates }) => number) => spread(rounds.map(value))
  const batch = (rates: Rates, at: number) => rates.batch[at] as number
  const row = (side: 'page' | 'native') => ({
    'search q/s': text(
      over((round) => round[side].single),
      0,
    ),
    'batch q/s, 1 thread': text(
      over((round) => batch(round[side], 0)),
      0,
    ),
    'batch q/s, 2 threads': text(
      over((round) => batch(round[side], 1)),
      0,
    ),
  })
  console.table({ 'Chromium, WASM threads': row('page'), 'Node, native': row('native') })
  const scaling = over(({ page }) => batch(page, 1) / batch(page, 0))
  const single = over(({ page, native }) => native.single / page.single)
  const inside = over(({ page, native }) => batch(native, 0) / batch(page, 0))
  console.log(`batch on 2 threads ÷ 1 thread in Chromium: ${text(scaling, 2)}`)
  console.log(`one awaited query, native ÷ Chromium: ${text(single, 2)}`)
  console.log(`batch on 1 thread, native ÷ Chromium: ${text(inside, 2)}`)
}

const folder = await mkdtemp(join(tmpdir(), 'nearfield-bench-'))
try {
  const { index, queries } = await prepare(folder)
  const root = join(import.meta.dirname, '..')
  const server = await serve({
    isolated: true,
    folders: {
      '/bench/': join(root, 'bench'),
      '/nearfield/': join(root, 'packages/nearfield'),
      '/data/': folder,
    },
  })
  const browser = await startBrowser('chromium')
  try {
    const tab = await browser.newPage()
    await tab.goto(`${server.origin}/bench/page/page.html`)
    await tab.waitForFunction('globalThis.measure !== undefined')
    const inPage = (asked: Ask) => tab.evaluate((sent) => globalThis.measure(sent), asked) as Promise<Rates>
    const rounds: { page: Rates; native: Rates }[] = []
    for (let round = 0; round < Number(values.rounds); round++) {
      const page = await inPage({ ...ask, backend: 'wasm-threads' })
      rounds.push({ page, native: await measureRates(index, queries, { ...ask, backend: 'native' }) })
    }
    report(rounds)
  } finally {
    await browser.close()
    await server.close()
    await index.close()
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}
