/** What the command line asks for. */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import type { Protocol } from './measure.ts'

export const USAGE = `npm run bench -- [options]

  --full               every engine and data set; hours in place of minutes
  --dataset a,b        these data sets, or files: .fvecs, .npy, ann-benchmarks .hdf5
  --engine a,b         these engines, whole names or beginnings
  --threads n          threads of builds and batches (all: ${availableParallelism()})
  --k n                neighbours wanted (10)
  --rounds n           rounds (5)
  --isa name           the best instructions nearfield may use: avx2, scalar, …
  --suite name         founding: the founding figures; generator: generated data;
                       growth: ten thousand to a million rows;
                       inserts: rows added in batches; steps: zones from a plain scan to ours;
                       direct: our harness beside a plain script
  --record             keep results and pictures in bench/records
  --out folder         where results, pictures and the report go (bench/results)
  --compare A B        what moved between two results beyond the noise
  --list               data sets and engines there are`

const SUITES = ['curves', 'founding', 'generator', 'growth', 'inserts', 'steps', 'direct'] as const
export type Suite = (typeof SUITES)[number]

export interface Options {
  readonly full: boolean
  readonly datasets: readonly string[] | undefined
  readonly engines: readonly string[] | undefined
  readonly suite: Suite
  readonly record: boolean
  readonly out: string | undefined
  readonly compare: readonly [string, string] | undefined
  readonly list: boolean
  readonly help: boolean
  readonly protocol: Protocol
}

export const REFERENCE = 'hnswlib'
/** Numbers of a data set from which the short run builds less often, and on all threads only. */
const LARGE_NUMBERS = 3e6
/** Numbers from which any run builds once a number of threads: peers take minutes for each. */
const HUGE_NUMBERS = 5e7

/** The protocol for a data set of this size. */
export function fitting(
  { protocol, full }: Pick<Options, 'protocol' | 'full'>,
  { rows, dim }: { readonly rows: number; readonly dim: number },
): Protocol {
  const numbers = rows * dim
  const short = !full && numbers >= LARGE_NUMBERS
  const buildRounds = numbers >= HUGE_NUMBERS ? 1 : short ? 2 : protocol.buildRounds
  return {
    ...protocol,
    buildRounds,
    buildThreads: short ? protocol.buildThreads.slice(-1) : protocol.buildThreads,
  }
}

export function optionsOf(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      full: { type: 'boolean', default: false },
      dataset: { type: 'string' },
      engine: { type: 'string' },
      threads: { type: 'string' },
      k: { type: 'string', default: '10' },
      rounds: { type: 'string', default: '5' },
      isa: { type: 'string', default: 'auto' },
      suite: { type: 'string', default: 'curves' },
      record: { type: 'boolean', default: false },
      out: { type: 'string' },
      compare: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const { full } = values
  const suite = SUITES.find((name) => name === values.suite)
  if (!suite)
    throw new RangeError(
      `--suite: expected founding, generator, growth, inserts, steps or direct, received ${values.suite}`,
    )
  if (values.compare && positionals.length !== 2)
    throw new RangeError(`--compare: expected two result files, received ${positionals.length}`)
  if (!values.compare && positionals.length > 0)
    throw new RangeError(`expected options only, received ${positionals.join(' ')}`)
  const threads = values.threads === undefined ? availableParallelism() : count('threads', values.threads)
  return {
    full,
    datasets: values.dataset?.split(','),
    engines: values.engine?.split(',').map((name) => name.trim()),
    suite,
    record: values.record,
    out: values.out,
    compare: values.compare ? [positionals[0]!, positionals[1]!] : undefined,
    list: values.list,
    help: values.help,
    protocol: {
      k: count('k', values.k),
      rounds: count('rounds', values.rounds),
      queries: full ? 1000 : 500,
      seconds: full ? 0.4 : 0.15,
      recalls: [0.9, 0.95, 0.99],
      batchRecalls: full ? [0.9, 0.95, 0.99] : [0.95],
      batchThreads: threads > 1 ? [1, threads] : [1],
      buildThreads: threads > 1 ? [1, threads] : [1],
      buildRounds: 3,
      M: 16,
      efConstruction: 200,
      isa: values.isa,
      reference: REFERENCE,
    },
  }
}

function count(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1)
    throw new RangeError(`--${name}: expected a whole number from 1, received ${text}`)
  return value
}
