/**
 * Is the harness fair to others? hnswlib through it, and hnswlib called by a plain script of ten lines
 * (`direct.py`), on the same data, in turns: `npm run bench -- --suite direct`.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { prepare } from '../data/catalogue.ts'
import { firstQueries } from '../data/first.ts'
import type { Dataset, Found } from '../harness/contract.ts'
import { chosen, launch, python } from '../harness/engines.ts'
import type { Options } from '../harness/options.ts'
import { startOf } from '../harness/process.ts'
import { spread } from '../harness/statistics.ts'

const EFS = [10, 20, 40, 80, 160]
/** Rounds are short and many: the sides differ by less than the machine does from second to second. */
const SECONDS = 0.05
const ROUNDS = 61
const QUERIES = 200
/** How far the middle of the ratios may be from 1. */
const TOLERANCE = 0.05

export async function direct({ datasets }: Options): Promise<void> {
  const [spec] = chosen(['hnswlib'], false)
  const dataset = await firstQueries(await prepare(datasets?.[0] ?? 'verses'), QUERIES)
  await using harness = await launch(spec!)
  await harness.ask(startOf(spec!, dataset, 'auto'))
  await harness.ask({ do: 'build', threads: 1, M: 16, efConstruction: 200 })
  using script = new Script(await python(spec!.packages), dataset)
  const ratios = new Map<number, number[]>(EFS.map((ef) => [ef, []]))
  for (let round = -1; round < ROUNDS; round++) {
    for (const ef of EFS) {
      const ours = async () =>
        (await harness.ask<Found>({ do: 'search', effort: ef, k: 10, seconds: SECONDS })).qps
      const theirs = () => script.qps(ef)
      // Turns at going first; the first round warms up.
      const both = round % 2 ? [await ours(), await theirs()] : [await theirs(), await ours()].reverse()
      if (round >= 0) ratios.get(ef)!.push(both[0]! / both[1]!)
    }
  }
  console.log(`\nhnswlib on ${dataset.name}: queries per second through the harness ÷ by a plain script`)
  let within = true
  for (const [ef, all] of ratios) {
    const { median, min, max } = spread(all)
    within &&= Math.abs(median - 1) <= TOLERANCE
    console.log(`  ef ${String(ef).padStart(4)}  ${median.toFixed(3)} (${min.toFixed(3)}–${max.toFixed(3)})`)
  }
  console.log(within ? 'within 5 % at every ef' : 'NOT within 5 % at every ef')
  if (!within) process.exitCode = 1
}

/** The plain script: a line with ef in, a line with a rate out. */
class Script implements Disposable {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(program: string, { paths, dim, metric }: Dataset) {
    const path = fileURLToPath(new URL('direct.py', import.meta.url))
    const args = [path, paths.base, paths.queries, String(dim), metric]
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]()
  }

  async qps(ef: number): Promise<number> {
    this.#child.stdin!.write(`${ef}\n`)
    const { value, done } = await this.#lines.next()
    if (done) throw new Error('the plain script ended')
    return Number(value)
  }

  [Symbol.dispose](): void {
    this.#child.stdin!.end()
  }
}
