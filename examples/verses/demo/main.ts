/**
 * The demo on the command line: embed, build, save, open, answer, measure, and in a terminal go on
 * answering. Only this file knows the process: its arguments, streams, signals and exit status.
 *
 * Exit status: 0 done, 1 failed, 2 wrong arguments, 130 stopped by Ctrl-C.
 */

import { basename } from 'node:path'
import { createInterface } from 'node:readline/promises'
import type { Index } from 'nearfield'
import type { Embedder } from '../embedder/embedder.ts'
import { loadEmbedder, loadVerses } from '../embedder/load-node.ts'
import { EXAMPLE_QUESTIONS, embedTexts, heldOutQuestions, type Verse } from '../embedder/verses.ts'
import { type Arguments, parseArguments, USAGE, UsageError } from './arguments.ts'
import { makeIndexFile } from './build.ts'
import { INDEX_FILE } from './index-file.ts'
import { measure } from './measure.ts'
import { type Answer, type KindReport, printAnswer, printMeasurements, type Report } from './report.ts'
import { count, makeTerminal, type Progress, progressText, type Terminal } from './terminal.ts'

const HELD_OUT_QUERIES = 500
const TYPED_HITS = 5
const EXAMPLE_HITS = 3
/** A terminal shows no more than about twenty changes a second. */
const STATUS_INTERVAL_MS = 50

interface Corpus {
  readonly embedder: Embedder
  readonly verses: readonly Verse[]
  readonly textByReference: ReadonlyMap<string, string>
  readonly rows: Float32Array
  readonly embedSeconds: number
}

async function main(argv: readonly string[]): Promise<number> {
  const options = parseArguments(argv)
  if (options.help) {
    process.stdout.write(USAGE)
    return 0
  }
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  const silent = { write: () => undefined }
  const terminal = makeTerminal(options.json ? silent : process.stdout)

  const corpus = await embedVerses(terminal)
  const indexes: Index[] = []
  try {
    const report = await buildAndMeasure(options, corpus, terminal, stop.signal, indexes)
    if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`)
    else printMeasurements(terminal, report)
    const [index] = indexes
    if (index && terminal.interactive && process.stdin.isTTY) await answerPrompts(index, corpus, terminal)
  } finally {
    for (const index of indexes) await index.close()
  }
  return 0
}

async function embedVerses(terminal: Terminal): Promise<Corpus> {
  const [embedder, verses] = await Promise.all([loadEmbedder(), loadVerses()])
  const start = performance.now()
  const onProgress = statusLine(terminal)
  const texts = verses.map((verse) => verse.text)
  const rows = embedTexts(embedder, texts, (done) => {
    if (done % 512 === 0) onProgress({ phase: 'embed', done, total: texts.length })
  })
  const embedSeconds = (performance.now() - start) / 1000
  step(terminal, 'embedded', `${count(verses.length)} verses as ${embedder.dim} numbers each`, embedSeconds)
  const textByReference = new Map(verses.map((verse) => [verse.reference, verse.text]))
  return { embedder, verses, textByReference, rows, embedSeconds }
}

async function buildAndMeasure(
  options: Arguments,
  corpus: Corpus,
  terminal: Terminal,
  signal: AbortSignal,
  indexes: Index[],
): Promise<Report> {
  const { embedder, verses, rows, embedSeconds } = corpus
  const queries = embedTexts(embedder, heldOutQuestions(verses, HELD_OUT_QUERIES))
  const kinds: KindReport[] = []
  const answers: Answer[] = []
  for (const kind of options.kinds) {
    const onProgress = statusLine(terminal)
    const built = await makeIndexFile(kind, verses, rows, { ...options, signal, onProgress })
    const { index, ...facts } = built
    indexes.push(index)
    step(
      terminal,
      'built',
      `${kind}, ${Math.round(verses.length / facts.buildSeconds)} rows/s`,
      facts.buildSeconds,
    )
    const opened = `${basename(INDEX_FILE[kind])}, ${(facts.fileBytes / 1e6).toFixed(1)} MB, ${facts.mode}`
    step(terminal, 'opened', opened, facts.openSeconds)
    terminal.status(`measuring ${kind} …`)
    const measured = await measure(index, queries, signal)
    const vectorsPerSecond = verses.length / facts.buildSeconds
    kinds.push({ kind, vectorsPerSecond, ...facts, ...measured })
  }
  terminal.line()
  const index = indexes[0] as Index
  for (const question of options.questions) answers.push(await answer(index, corpus, question, TYPED_HITS))
  for (const question of EXAMPLE_QUESTIONS) {
    if (!options.questions.includes(question))
      answers.push(await answer(index, corpus, question, EXAMPLE_HITS))
  }
  for (const each of answers) printAnswer(terminal, each)
  const report = { verses: verses.length, dim: embedder.dim, embedSeconds, backend: index.backend }
  return { ...report, heldOutQueries: queries.length / embedder.dim, kinds, answers }
}

async function answer(index: Index, corpus: Corpus, question: string, k: number): Promise<Answer> {
  const hits = await index.search(corpus.embedder.embed(question), { k })
  return {
    question,
    hits: hits.map(({ key, distance }) => {
      const reference = String(key)
      return { reference, text: corpus.textByReference.get(reference) ?? '', distance }
    }),
  }
}

async function answerPrompts(index: Index, corpus: Corpus, terminal: Terminal): Promise<void> {
  terminal.line()
  terminal.line(terminal.paint('dim', 'Ask on; an empty line or Ctrl-D ends.'))
  const lines = createInterface({ input: process.stdin, output: process.stdout })
  lines.setPrompt(terminal.paint('cyan', '› '))
  lines.once('SIGINT', () => lines.close())
  lines.prompt()
  for await (const line of lines) {
    const question = line.trim()
    if (question === '') break
    const start = performance.now()
    const found = await answer(index, corpus, question, TYPED_HITS)
    const milliseconds = performance.now() - start
    terminal.line()
    printAnswer(terminal, found)
    terminal.line(terminal.paint('dim', `${milliseconds.toFixed(1)} ms with embedding`))
    lines.prompt()
  }
  lines.close()
}

/** Draws a bar for each phase; its clock starts anew with the phase. */
function statusLine(terminal: Terminal): (progress: Progress) => void {
  let phase = ''
  let phaseStart = 0
  let shownAt = 0
  return (progress) => {
    const now = performance.now()
    if (progress.phase !== phase) {
      phase = progress.phase
      phaseStart = now
    } else if (now - shownAt < STATUS_INTERVAL_MS) return
    shownAt = now
    terminal.status(progressText(terminal, progress, (now - phaseStart) / 1000))
  }
}

function step(terminal: Terminal, verb: string, what: string, seconds: number): void {
  const time = terminal.paint('dim', `${seconds.toFixed(2)} s`)
  terminal.line(`${terminal.paint('green', verb.padEnd(8))}  ${what}  ${time}`)
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof UsageError) {
    process.stderr.write(`error: ${message}\n\n${USAGE}`)
    process.exitCode = 2
  } else if (error instanceof DOMException && error.name === 'AbortError') {
    process.stderr.write('\nstopped; no file was left half written\n')
    process.exitCode = 130
  } else {
    process.stderr.write(`error: ${message}\n`)
    process.exitCode = 1
  }
}
