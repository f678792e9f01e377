/** What the suite `steps` shows: a table, and a picture of it, of zones made faster a step at a time. */
import type { Results } from '../harness/contract.ts'
import { ratios, spread } from '../harness/statistics.ts'
import { type Bar, barsPanel, type Rows } from '../report/bars.ts'
import { circumstances, slug } from '../report/charts.ts'
import { digits, micros, NONE, ratio, seconds, spreadOf, threads, whole } from '../report/format.ts'
import { sheet, WIDTH } from '../report/frame.ts'
import type { Table } from '../report/tables.ts'
import { type Look, THEMES, type Theme } from '../report/theme.ts'

/** As `bench/steps` names them, in the order in which they are switched on. */
export const STEPS = [
  'baseline',
  'floats',
  'partedOff',
  'kernels',
  'codes',
  'parallel',
  'parallelRouted',
  'routed',
  'hnsw',
] as const
export type StepName = (typeof STEPS)[number]

interface About {
  readonly label: string
  /** The step it adds one thing to. */
  readonly after?: StepName
}

const ABOUT: Readonly<Record<StepName, About>> = {
  baseline: { label: 'zones, plain f64 scan' },
  floats: { label: '+ f32, norms kept', after: 'baseline' },
  partedOff: { label: '+ k parted off, no sort', after: 'floats' },
  kernels: { label: '+ SIMD kernels', after: 'partedOff' },
  codes: { label: '+ codes, exact re-rank', after: 'kernels' },
  parallel: { label: '+ zones over threads', after: 'codes' },
  parallelRouted: { label: '+ zones by a graph', after: 'parallel' },
  routed: { label: 'codes, zones by a graph', after: 'codes' },
  hnsw: { label: 'HNSW' },
}

/** What one round says of a step: microseconds of a question, and answers a second on all threads. */
export interface Round {
  readonly p50: number
  readonly p99: number
  readonly qps: number
}

export interface Line {
  readonly step: StepName
  /** The fewest probes, or the least ef, that reach the recall wanted, and what they reach. */
  readonly effort: number
  readonly recall: number
  /** Seconds on all threads. */
  readonly builds: readonly number[]
  readonly rounds: readonly Round[]
  /** Why there is nothing to measure. */
  readonly left?: string
}

export interface Measured extends Pick<Results, 'machine' | 'date' | 'command' | 'nearfield'> {
  readonly format: 1
  readonly dataset: {
    readonly name: string
    readonly rows: number
    readonly dim: number
    readonly metric: string
  }
  readonly questions: number
  readonly threads: number
  readonly isa: string
  readonly zones: number
  readonly bits: number
  readonly k: number
  readonly recall: number
  readonly lines: readonly Line[]
}

/**
 * The least whole number from `from` to `most` that is enough, where every larger one is too; nothing where
 * none is. A good guess takes two questions.
 */
export async function fewest(
  enough: (effort: number) => Promise<boolean>,
  [from, most]: readonly [number, number],
  guess: number,
): Promise<number | undefined> {
  let [below, above, stride] = [from - 1, most + 1, 1]
  const within = (at: number) => Math.min(Math.max(at, below + 1), above - 1)
  for (let at = within(guess); above - below > 1; stride *= 2) {
    if (await enough(at)) above = at
    else below = at
    if (above > most) at = within(below + stride)
    else at = within(below < from ? above - stride : (below + above) >> 1)
  }
  return above > most ? undefined : above
}

const p50s = ({ rounds }: Line) => rounds.map(({ p50 }) => p50)

/** How many times as fast as another step, at the middle of the questions, round by round. */
export function speedUp(lines: readonly Line[], line: Line, over: StepName | undefined) {
  const other = lines.find(({ step }) => step === over)
  return other && other !== line ? ratios(p50s(other), p50s(line)) : undefined
}

export function table({ lines, recall, k, threads: count, ...rest }: Measured): Table {
  const spreadIn = (line: Line, of: keyof Round, write: (value: number) => string) =>
    spreadOf(line.rounds.length ? spread(line.rounds.map((round) => round[of])) : undefined, write)
  return {
    title: `${about({ lines, recall, k, threads: count, ...rest })}; the fewest probes, or the least ef, for recall@${k} ≥ ${recall}`,
    columns: [
      'step',
      'probes, ef',
      `recall@${k}`,
      `build, ${threads(count)}`,
      'median',
      'p99',
      `queries/s, ${threads(count)}`,
      '× step before',
      '× baseline',
    ],
    rows: lines.map((line) => [
      ABOUT[line.step].label,
      line.left ?? whole(line.effort),
      line.left === undefined ? line.recall.toFixed(4) : NONE,
      spreadOf(line.builds.length ? spread(line.builds) : undefined, seconds),
      spreadIn(line, 'p50', micros),
      spreadIn(line, 'p99', micros),
      spreadIn(line, 'qps', digits),
      spreadOf(speedUp(lines, line, ABOUT[line.step].after), ratio),
      spreadOf(speedUp(lines, line, 'baseline'), ratio),
    ]),
  }
}

const about = ({ dataset, zones, bits, isa, questions }: Measured) =>
  `${dataset.name}, ${whole(dataset.rows)} × ${dataset.dim}, ${dataset.metric}, ${whole(zones)} zones, codes of ${bits} ${bits === 1 ? 'bit' : 'bits'} a number, ${isa}, ${whole(questions)} questions`

/** The left panel has the names too. */
const NAMED = 400

/** The picture, light and dark: a file's name without its ending, and its text. */
export function pictures(measured: Measured): { readonly name: string; readonly svg: string }[] {
  return THEMES.map((theme) => ({
    name: `${slug(measured.dataset.name)}-steps-${theme.name}`,
    svg: picture(measured, theme),
  }))
}

function picture(measured: Measured, theme: Theme): string {
  const { lines, k, recall, dataset, command } = measured
  const drawn = lines.filter(({ rounds }) => rounds.length > 0)
  const panel = (
    axis: string,
    at: number,
    values: (line: Line) => readonly number[],
    text: (line: Line, median: number) => string,
  ) => {
    const bars = drawn.map((line): Bar => {
      const { median, min, max } = spread(values(line))
      return { engine: ABOUT[line.step].label, value: median, min, max, text: text(line, median) }
    })
    const rows: Rows = {
      engines: bars.map(({ engine }) => engine),
      looks: new Map(drawn.map(({ step }) => [ABOUT[step].label, lookOf(step, theme)])),
      theme,
      width: at ? (WIDTH - NAMED) / 2 : NAMED,
      named: at === 0,
      axis,
      tick: (value) => Number(value.toPrecision(6)).toLocaleString('en-US'),
    }
    return barsPanel(rows, [{ opacity: 1, bars }])
  }
  const faster = (line: Line) => {
    const times = speedUp(lines, line, 'baseline')
    return times ? `, ${ratio(times.median)} ×` : ''
  }
  const panels = [
    panel('median of one query, µs', 0, p50s, (line, median) => `${micros(median)}${faster(line)}`),
    panel(
      `1,000 queries/s, ${threads(measured.threads)}`,
      1,
      ({ rounds }) => rounds.map(({ qps }) => qps / 1000),
      (_, median) => digits(median),
    ),
    panel(
      `build, s, ${threads(measured.threads)}`,
      2,
      ({ builds }) => builds,
      (_, median) => seconds(median),
    ),
  ]
  const reached = drawn.map((line) => line.recall)
  const left = lines
    .filter((line) => line.left !== undefined)
    .map(({ step, left }) => `${ABOUT[step].label}: ${left}`)
  return sheet(
    {
      title: `Zones, a step at a time: ${dataset.name}`,
      subtitle: [
        `${about(measured)}. ${drawn[0]?.rounds.length} rounds: median, whiskers from the least to the most.`,
        circumstances(measured),
        command,
      ],
      panels,
      notes: [
        `Each + does what the row above it does and one thing more; × is over the first row. Probes, or ef, are the fewest for recall@${k} ≥ ${recall}: reached were ${Math.min(...reached).toFixed(4)}–${Math.max(...reached).toFixed(4)}.`,
        ...left,
      ],
    },
    theme,
  )
}

/** One colour for floats, nearfield's for codes, another for the graph. */
function lookOf(step: StepName, theme: Theme): Look {
  const floats = ['baseline', 'floats', 'partedOff', 'kernels'].includes(step)
  const colour = step === 'hnsw' ? theme.families[0]! : floats ? theme.muted : theme.own
  return { own: step === 'codes', colour, mark: 'circle', dashes: 'none' }
}
