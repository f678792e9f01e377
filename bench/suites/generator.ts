/**
 * Generated data beside dgen-py's and beside what the machine can store:
 * `npm run bench -- --suite generator [--rounds 3] [--record]`, some minutes.
 *
 *   bytes      one buffer filled over and over, by chunk and threads: Node, the core without a binding,
 *              memset, stores past the caches, dgen-py; in turns, the order turned round each round; on one
 *              thread all on one processor
 *   vectors    rows of length 1 into new memory and into the same again, dgen-py's into new memory
 *   Chromium   the module's own memory, threads 1 and 2
 *
 * A rate is of bytes written, in GB (10⁹) a second; a ratio is taken within a round, then the median is.
 */
import { availableParallelism, freemem } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { capabilities, Generator, generateVectors } from 'nearfield'
import { startBrowser } from '../../packages/conformance/browsers.ts'
import { serve } from '../../packages/conformance/server.ts'
import { startDgen } from '../engines/dgen.ts'
import type { Built } from '../harness/contract.ts'
import { startProbe } from '../harness/engines.ts'
import { keep } from '../harness/keep.ts'
import { ran } from '../harness/machine.ts'
import type { Options } from '../harness/options.ts'
import type { EngineProcess } from '../harness/process.ts'
import { PROCESSORS, tieToQuickest, untie } from '../harness/processors.ts'
import { type Claim, type Measured, printed, type Side } from './generator-report.ts'

const MIB = 2 ** 20
const CHUNKS_MIB = [1, 4, 16, 64, 256, 1024]
const ROUNDS_MAX = 3
/** Written for one figure, and at least this many chunks of it. */
const BYTES = 2 ** 30
const CHUNKS_MIN = 2
/** Written to find the quickest processor. */
const TRIAL_BYTES = 2 ** 27
const VECTORS = [
  { rows: 1_000_000, dim: 128 },
  { rows: 1_000_000, dim: 1536 },
]
const PAGE_CHUNK_MIB = 16

interface Taken {
  readonly side: Side
  readonly run: (() => Promise<number>) | string
}

export async function generator(options: Options, command: string): Promise<void> {
  const rounds = Math.min(options.protocol.rounds, ROUNDS_MAX)
  const all = [...new Set([1, Math.min(2, availableParallelism())])]
  await using probe = await startProbe()
  const measured: Measured[] = []
  const note = (table: Measured['table'], side: Side, threads: number, column: string, rates: Rates) => {
    measured.push({ table, side, threads, column, ...rates })
  }
  for (const threads of all) {
    untie([probe]) // what is started is tied as who starts it
    const peer = await startDgen()
    await using _ended = typeof peer === 'string' ? null : peer
    const engines = typeof peer === 'string' ? [probe] : [probe, peer]
    // Whoever is asked first does not run beside the others' start.
    for (const engine of engines) await generated(engine, MIB, MIB, threads)
    const place = async () => {
      if (threads === 1) await tieToQuickest(engines, () => generated(probe, TRIAL_BYTES, MIB, 1))
    }
    for (const mib of CHUNKS_MIB) {
      if (mib * MIB * 4 > freemem()) continue
      await place()
      const bytes = Math.max(BYTES, CHUNKS_MIN * mib * MIB)
      const rates = await inTurns(rounds, bytes, sidesOfBytes(bytes, mib * MIB, threads, probe, peer))
      for (const [side, each] of rates) note('bytes', side, threads, `${mib} MiB`, each)
    }
    for (const shape of VECTORS) {
      const rows = Math.min(shape.rows, Math.floor((freemem() * 0.4) / (shape.dim * 4)))
      const column = `${rows.toLocaleString('en')} × ${shape.dim}`
      await place()
      for (const [side, each] of await vectors(rounds, { ...shape, rows }, threads, peer))
        note('vectors', side, threads, column, each)
    }
  }
  await inChromium(rounds, all, probe, note)
  const results = {
    ...ran(command),
    simd: capabilitiesSimd,
    tied: PROCESSORS.length > 0,
    rounds,
    measured,
    claims: printed(measured, capabilitiesSimd),
  } satisfies Results
  await keep(results, { name: 'generator', recorded: 'generator' }, options)
}

interface Results extends ReturnType<typeof ran> {
  readonly simd: string
  /** Whether one thread's figures are all of one processor. */
  readonly tied: boolean
  readonly rounds: number
  readonly measured: readonly Measured[]
  readonly claims: readonly Claim[]
}

/** GB/s by round, or why there are none. */
type Rates = Pick<Measured, 'rates' | 'left'>

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** Seconds for bytes by the core or by the peer. */
const generated = async (engine: EngineProcess, bytes: number, chunk: number, threads: number) =>
  (await engine.ask<Built>({ do: 'generate', bytes, chunk, threads })).seconds

/** Every side in every round, the order turned round each time. */
async function inTurns(
  rounds: number,
  bytes: number,
  sides: readonly Taken[],
): Promise<Map<Side, { rates: number[]; left?: string }>> {
  const all = new Map(sides.map(({ side, run }) => [side, leftOr(run)]))
  for (let round = 0; round < rounds; round++) {
    for (const { side, run } of round % 2 ? sides.toReversed() : sides) {
      const own = all.get(side)!
      if (typeof run === 'string' || own.left !== undefined) continue
      try {
        own.rates.push(bytes / (await run()) / 1e9)
      } catch (error) {
        own.left = (error as Error).message
      }
    }
  }
  return all
}

const leftOr = (run: Taken['run']): { rates: number[]; left?: string } =>
  typeof run === 'string' ? { rates: [], left: run } : { rates: [] }

function sidesOfBytes(
  bytes: number,
  chunk: number,
  threads: number,
  probe: EngineProcess,
  peer: EngineProcess | string,
): Taken[] {
  const asked = (engine: EngineProcess, what: string) => async () =>
    (await engine.ask<Built>({ do: what, bytes, chunk, threads })).seconds
  const sides: Taken[] = [
    { side: 'nearfield', run: () => filled(bytes, chunk, threads, 'auto') },
    { side: 'core', run: asked(probe, 'generate') },
    { side: 'memset', run: asked(probe, 'memset') },
    { side: 'streamed', run: asked(probe, 'streamed') },
    { side: 'dgen-py', run: typeof peer === 'string' ? peer : asked(peer, 'generate') },
  ]
  if (capabilitiesSimd.startsWith('avx512'))
    sides.push({ side: 'nearfield avx2', run: () => filled(bytes, chunk, threads, 'avx2') })
  return sides
}

const capabilitiesSimd = (await capabilities()).simd

/** Seconds for all bytes through one buffer, whose pages are there before the clock starts. */
async function filled(bytes: number, chunk: number, threads: number, isa: 'auto' | 'avx2'): Promise<number> {
  await using source = new Generator({ size: bytes, backend: 'native', threads, isa })
  await source.ready
  const buffer = bufferOf(chunk)
  source.fillChunk(buffer)
  source.reset()
  const started = performance.now()
  while (source.fillChunk(buffer) > 0);
  return (performance.now() - started) / 1000
}

let buffer = new Uint8Array(0)
/** The same memory for all of a chunk's figures. */
function bufferOf(bytes: number): Uint8Array {
  if (buffer.length !== bytes) {
    buffer = new Uint8Array(0)
    collect()
    buffer = new Uint8Array(bytes)
  }
  return buffer
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** New memory first, which then is the memory that is filled again. */
async function vectors(
  rounds: number,
  shape: { readonly rows: number; readonly dim: number },
  threads: number,
  peer: EngineProcess | string,
): Promise<Map<Side, Rates>> {
  const bytes = shape.rows * shape.dim * 4
  const all = new Map<Side, { rates: number[]; left?: string }>()
  const note = (side: Side, seconds: number) => {
    const own = all.get(side) ?? { rates: [] }
    own.rates.push(bytes / seconds / 1e9)
    all.set(side, own)
  }
  const ours = { ...shape, normalize: true, threads, backend: 'native' } as const
  const clustered = { ...ours, distribution: 'clustered' } as const
  bufferOf(0)
  const own = async () => {
    await touched(bytes)
    const into = await timed(
      () => generateVectors(ours),
      (seconds) => note('new memory', seconds),
    )
    await timed(
      () => generateVectors({ ...ours, into }),
      (seconds) => note('same memory', seconds),
    )
    await timed(
      () => generateVectors({ ...clustered, into }),
      (seconds) => note('clustered', seconds),
    )
  }
  const theirs = async () => {
    if (typeof peer === 'string') {
      all.set('dgen-py', { rates: [], left: peer })
      return
    }
    await touched(bytes)
    note('dgen-py', (await peer.ask<Built>({ do: 'vectors', ...shape, threads })).seconds)
  }
  for (let round = 0; round < rounds; round++) {
    const [first, second] = round % 2 ? [theirs, own] : [own, theirs]
    await first()
    await second()
  }
  return all
}

/**
 * Writes so much new memory and frees it. The host of a virtual machine may take free memory away and gives it
 * back a hundred times slower than it is written: whoever asks next would pay for that.
 */
async function touched(bytes: number): Promise<void> {
  collect()
  await using source = new Generator({ size: bytes, backend: 'native' })
  await source.ready
  const write = () => source.fillChunk(new Uint8Array(bytes))
  write()
  collect()
  await setImmediate() // what is collected is freed by another thread
  collect()
}

async function timed<T>(body: () => Promise<T>, note: (seconds: number) => void): Promise<T> {
  const started = performance.now()
  const value = await body()
  note((performance.now() - started) / 1000)
  return value
}

type Note = (table: Measured['table'], side: Side, threads: number, column: string, rates: Rates) => void

/** The page in turns with dgen-py on one thread, tied to the processor of the page of one thread. */
async function inChromium(
  rounds: number,
  all: readonly number[],
  probe: EngineProcess,
  note: Note,
): Promise<void> {
  const [column, chunk] = [`${PAGE_CHUNK_MIB} MiB`, PAGE_CHUNK_MIB * MIB]
  untie([probe])
  const peer = await startDgen()
  await using _ended = typeof peer === 'string' ? null : peer
  const engines = typeof peer === 'string' ? [probe] : [probe, peer]
  for (const engine of engines) await generated(engine, MIB, MIB, 1)
  const server = await serve({
    isolated: true,
    folders: { '/bench/': here('..'), '/nearfield/': here('../../packages/nearfield') },
  })
  const browsers: Awaited<ReturnType<typeof startBrowser>>[] = []
  try {
    const sides: Taken[] = []
    for (const threads of all) {
      if (threads === 1) await tieToQuickest(engines, () => generated(probe, TRIAL_BYTES, MIB, 1))
      else untie([])
      const browser = await startBrowser('chromium')
      browsers.push(browser)
      const tab = await browser.newPage()
      await tab.goto(`${server.origin}/bench/page/generator.html`)
      await tab.waitForFunction('globalThis.fillRate !== undefined')
      const run = () => tab.evaluate((...args) => globalThis.fillRate(...args), BYTES, chunk, threads)
      await run() // the module's loops are compiled for speed meanwhile
      sides.push({ side: `page ${threads}`, run })
    }
    const theirs = typeof peer === 'string' ? peer : () => generated(peer, BYTES, chunk, 1)
    sides.push({ side: 'dgen-py', run: theirs })
    for (const [side, rates] of await inTurns(rounds, BYTES, sides)) {
      const threads = side === 'dgen-py' ? 1 : Number(side.split(' ')[1])
      note('Chromium', side === 'dgen-py' ? side : 'page', threads, column, rates)
    }
  } catch (error) {
    note('Chromium', 'page', 1, column, { rates: [], left: (error as Error).message })
  } finally {
    for (const browser of browsers) await browser.close()
    await server.close()
  }
}
