/**
 * Threaded WebAssembly in Chromium beside the native backend in Node: the verses' index, one file, and its build.
 *
 *   npm run bench:chromium -- [--rounds 7] [--builds 3] [--kind hnsw|zones] [--codec auto|sq8|…]
 *                             [--ef 100 | --probes n] [--native auto|avx2] [--seconds 0.5]
 *
 * A round measures the page with the best instructions it has, with plain simd128, then Node; ratios are taken
 * within a round. A single query is awaited through the public call on both sides, one after the other: either answers
 * it on the calling thread, and leaves one to another thread, the page's worker, each time some milliseconds are spent.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type BuildOptions, buildIndex, type Index } from 'nearfield'
import { loadEmbedder, loadVerses } from '../examples/verses/embedder/load-node.ts'
import { embedTexts, heldOutQuestions } from '../examples/verses/embedder/verses.ts'
import { startBrowser } from '../packages/conformance/browsers.ts'
import { serve } from '../packages/conformance/server.ts'
import { spread, spreadText as text } from './harness/statistics.ts'
import { type Ask, measureRates, type Rates, timeBuild } from './page/rates.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    builds: { type: 'string', default: '3' },
    kind: { type: 'string', default: 'hnsw' },
    codec: { type: 'string', default: 'auto' },
    ef: { type: 'string', default: '100' },
    probes: { type: 'string' },
    native: { type: 'string', default: 'auto' },
    seconds: { type: 'string', default: '0.5' },
  },
})
const zones = values.kind === 'zones'
if (!zones && values.kind !== 'hnsw')
  throw new Error(`--kind: expected hnsw or zones, received ${values.kind}`)
const effort = zones
  ? { probes: values.probes === undefined ? undefined : Number(values.probes) }
  : { ef: Number(values.ef) }
const ask = { search: { k: 10, ...effort }, seconds: Number(values.seconds), threads: [1, 2] } as const
const native = { backend: 'native', isa: values.native as 'auto' } as const

interface Round {
  readonly best: Rates
  readonly plain: Rates
  readonly native: Rates
}

interface Builds {
  readonly best: number
  readonly plain: number
  readonly native: number
}

async function prepare(folder: string) {
  const [embedder, verses] = await Promise.all([loadEmbedder(), loadVerses()])
  const vectors = embedTexts(
    embedder,
    verses.map(({ text }) => text),
  )
  const queries = embedTexts(embedder, heldOutQuestions(verses, 500))
  const options = {
    dim: embedder.dim,
    kind: zones ? 'zones' : 'hnsw',
    metric: 'cosine',
    codec: values.codec as 'auto',
  } satisfies BuildOptions
  const index = await buildIndex(vectors, { ...options, ...native })
  await index.save(join(folder, 'verses.nfx'))
  await writeFile(join(folder, 'queries.f32'), queries)
  await writeFile(join(folder, 'vectors.f32'), vectors)
  return { index, queries, vectors, options }
}

function report(index: Index, rounds: readonly Round[], builds: readonly Builds[]): void {
  const over = (value: (round: Round) => number) => text(spread(rounds.map(value)), 0)
  const ratio = (value: (round: Round) => number) => text(spread(rounds.map(value)), 2)
  const batch = (rates: Rates, at: number) => rates.batch[at] as number
  const row = (side: keyof Round) => ({
    'search q/s': over((round) => round[side].single),
    'batch q/s, 1 thread': over((round) => batch(round[side], 0)),
    'batch q/s, 2 threads': over((round) => batch(round[side], 1)),
    'build s, 2 threads': text(spread(builds.map((build) => build[side])), 2),
  })
  console.table({
    'Chromium, WASM threads': row('best'),
    'the same, plain simd128': row('plain'),
    [`Node, native, ${index.stats().isa}`]: row('native'),
  })
  console.log(
    `batch on 2 threads ÷ 1 thread in Chromium: ${ratio(({ best }) => batch(best, 1) / batch(best, 0))}`,
  )
  for (const [side, name] of [
    ['best', 'Chromium'],
    ['plain', 'Chromium with plain simd128'],
  ] as const) {
    const at = (threads: number) =>
      ratio((round) => batch(round[side], threads) / batch(round.native, threads))
    const build = text(spread(builds.map((build) => build.native / build[side])), 2)
    const single = ratio((round) => round[side].single / round.native.single)
    console.log(
      `${name} ÷ native: one awaited query ${single}, batch on 1 thread ${at(0)}, on 2 ${at(1)}; speed of a build on 2 ${build}`,
    )
  }
}

const folder = await mkdtemp(join(tmpdir(), 'nearfield-bench-'))
try {
  const { index, queries, vectors, options } = await prepare(folder)
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
    const inPage = (isa: Ask['isa']) =>
      tab.evaluate((sent) => globalThis.measure(sent), { ...ask, isa }) as Promise<Rates>
    const buildInPage = (isa: Ask['isa']) =>
      tab.evaluate((sent) => globalThis.build(sent), { ...options, isa, threads: 2 }) as Promise<number>
    const rounds: Round[] = []
    for (let round = 0; round < Number(values.rounds); round++) {
      const [best, plain] = [await inPage('auto'), await inPage('simd128')]
      rounds.push({ best, plain, native: await measureRates(index, queries, { ...ask, isa: 'auto' }) })
    }
    const builds: Builds[] = []
    for (let round = 0; round < Number(values.builds); round++) {
      const [best, plain] = [await buildInPage('auto'), await buildInPage('simd128')]
      const seconds = await timeBuild(vectors, { ...options, ...native, threads: 2 })
      builds.push({ best, plain, native: seconds })
    }
    report(index, rounds, builds)
  } finally {
    await browser.close()
    await server.close()
    await index.close()
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}
