/**
 * Serves the page: `node examples/verses/web/serve.ts [--port N] [--no-isolation]`. Makes the index
 * file first when it is missing or is not the one the page expects. Ctrl-C ends.
 */

import { parseArgs } from 'node:util'
import { openIndex } from 'nearfield'
import { UsageError, wholeNumber } from '../demo/arguments.ts'
import { makeIndexFile } from '../demo/build.ts'
import { INDEX_FILE } from '../demo/index-file.ts'
import { count, makeTerminal, progressText } from '../demo/terminal.ts'
import { loadEmbedder, loadVerses } from '../embedder/load-node.ts'
import { embedTexts } from '../embedder/verses.ts'
import { startServer } from './server.ts'

export { startServer } from './server.ts'

const VERSES = 31_102
const DIM = 256

const USAGE = `Usage: node examples/verses/web/serve.ts [options]

  --port N          port to listen on, 0 for any free one (default: 8080)
  --no-isolation    leave out the headers that allow threads, to see the page run on one
  --help            print this
`

/** Builds the index file unless a good one is there. */
export async function ensureIndexFile(signal: AbortSignal): Promise<void> {
  if (await isGood(INDEX_FILE.hnsw)) return
  const terminal = makeTerminal(process.stdout)
  terminal.line(`building the index over ${count(VERSES)} verses, once`)
  const [embedder, verses] = await Promise.all([loadEmbedder(), loadVerses()])
  const rows = embedTexts(
    embedder,
    verses.map((verse) => verse.text),
  )
  const start = performance.now()
  const { index, buildSeconds } = await makeIndexFile('hnsw', verses, rows, {
    backend: 'auto',
    threads: 0,
    signal,
    onProgress: (progress) =>
      terminal.status(progressText(terminal, progress, (performance.now() - start) / 1000)),
  })
  await index.close()
  terminal.line(`built in ${buildSeconds.toFixed(1)} s`)
}

async function isGood(file: string): Promise<boolean> {
  try {
    await using index = await openIndex(file)
    return index.kind === 'hnsw' && index.metric === 'cosine' && index.size === VERSES && index.dim === DIM
  } catch {
    return false // missing, damaged or of another version: each is mended by building
  }
}

function parseOptions(argv: readonly string[]): { port: number; isolated: boolean; help: boolean } {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: { port: { type: 'string' }, 'no-isolation': { type: 'boolean' }, help: { type: 'boolean' } },
    })
    return {
      port: wholeNumber('--port', values.port ?? '8080', 0, 65_535),
      isolated: !values['no-isolation'],
      help: values.help ?? false,
    }
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

async function main(argv: readonly string[]): Promise<void> {
  const options = parseOptions(argv)
  if (options.help) return void process.stdout.write(USAGE)
  const stop = new AbortController()
  const stopped = new Promise<void>((resolve) => {
    stop.signal.addEventListener('abort', () => resolve())
  })
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort())

  await ensureIndexFile(stop.signal)
  const server = await startServer(options)
  process.stdout.write(`${server.url}  (Ctrl-C ends)\n`)
  await stopped
  await server.close()
}

if (import.meta.main) {
  // Blanking out types is stable enough for a demo; Node's notice of it would only puzzle people.
  process.removeAllListeners('warning')
  process.on('warning', (warning) => {
    if (warning.name !== 'ExperimentalWarning') console.error(warning)
  })
  try {
    await main(process.argv.slice(2))
  } catch (error) {
    const stopped = error instanceof DOMException && error.name === 'AbortError'
    if (stopped) process.exitCode = 130
    else {
      const usage = error instanceof UsageError ? `\n${USAGE}` : ''
      process.stderr.write(`error: ${(error as Error).message}\n${usage}`)
      process.exitCode = error instanceof UsageError ? 2 : 1
    }
  }
}
