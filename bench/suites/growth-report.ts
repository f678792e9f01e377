/** What the suite `growth` shows: a table and a picture of how builds, memory and speed change with the rows. */
import * as Plot from '@observablehq/plot'
import type { EngineResult, Results } from '../harness/contract.ts'
import { circumstances } from '../report/charts.ts'
import { dodge } from '../report/curves.ts'
import {
  bytes,
  digits,
  NONE,
  ratio,
  recall as recallText,
  seconds,
  spreadOf,
  whole,
} from '../report/format.ts'
import { type Panel, plotDocument, sheet, TEXT, WIDTH, widthOf } from '../report/frame.ts'
import type { Table } from '../report/tables.ts'
import { type Look, lookOf, looks, THEMES, type Theme } from '../report/theme.ts'

const FLOAT_BYTES = 4
/** The recall that speeds are drawn at. */
const RECALL = 0.95

/** An engine over one of the sets, smallest first. */
interface Step {
  readonly rows: number
  readonly dim: number
  readonly engine: EngineResult
}

const stepsOf = ({ datasets }: Results, name: string): Step[] =>
  datasets
    .toSorted((a, b) => a.rows - b.rows)
    .flatMap(({ rows, dim, engines }) =>
      engines.filter((engine) => engine.name === name).map((engine) => ({ rows, dim, engine })),
    )

const namesOf = ({ datasets }: Results) => [
  ...new Set(datasets.flatMap(({ engines }) => engines.map(({ name }) => name))),
]

const buildOf = ({ engine }: Step) => engine.builds.at(-1)?.seconds
const speedAt = ({ engine }: Step, recall: number) => engine.at.find((at) => at.recall === recall)?.qps

/**
 * How much longer a build of this many rows takes than n log n would have it, from the one before: 1 where time grows
 * so, more where it grows faster.
 */
export function beyondSorting(step: Step, before: Step | undefined): number | undefined {
  const [now, then] = [buildOf(step)?.median, before && buildOf(before)?.median]
  if (now === undefined || then === undefined) return undefined
  const work = ({ rows }: Step) => rows * Math.log(rows)
  return (now / then) * (work(before!) / work(step))
}

export function table(results: Results): Table {
  const recalls = [
    ...new Set(
      results.datasets.flatMap(({ engines }) => engines.flatMap(({ at }) => at.map((one) => one.recall))),
    ),
  ].sort((a, b) => a - b)
  const rows = namesOf(results).flatMap((name) => {
    const steps = stepsOf(results, name)
    return steps.map((step, at) => {
      const { engine, rows, dim } = step
      const beyond = beyondSorting(step, steps[at - 1])
      const own = engine.fileBytes === undefined ? undefined : engine.fileBytes / rows - FLOAT_BYTES * dim
      const latency = engine.at.find((one) => one.recall === RECALL)?.latency
      return [
        `${name}, ${whole(rows)}`,
        spreadOf(buildOf(step), seconds),
        beyond === undefined ? NONE : ratio(beyond),
        engine.indexBytes === undefined ? NONE : bytes(engine.indexBytes),
        own === undefined ? NONE : whole(own),
        ...recalls.map((recall) => spreadOf(speedAt(step, recall), digits)),
        latency ? ratio(latency.p99 / latency.p50) : NONE,
      ]
    })
  })
  const sizes = results.datasets.map(({ rows }) => rows).sort((a, b) => a - b)
  return {
    title: `from ${sizes.map(whole).join(' to ')} rows, ${results.datasets[0]?.dim} numbers each; queries per second on one thread at a recall@${results.k}`,
    columns: [
      'engine, rows',
      'build',
      '÷ n log n',
      'memory',
      'file, bytes a row beyond floats',
      ...recalls.map(recallText),
      `p99 ÷ p50 at ${recallText(RECALL)}`,
    ],
    rows,
  }
}

/** The picture, light and dark: a file's name without its ending, and its text. */
export function pictures(results: Results): { readonly name: string; readonly svg: string }[] {
  return THEMES.map((theme) => ({ name: `growth-${theme.name}`, svg: picture(results, theme) }))
}

function picture(results: Results, theme: Theme): string {
  const all = looks(results, theme)
  const names = namesOf(results)
  const lines = (value: (step: Step) => number | undefined) =>
    names.map((name): Line => {
      const points = stepsOf(results, name).flatMap((step) => {
        const y = value(step)
        return y === undefined ? [] : [{ x: step.rows, y }]
      })
      return { name, look: lookOf(all, name), points }
    })
  const speed = `queries per second, recall@${results.k} ${recallText(RECALL)}`
  return sheet(
    {
      title: 'From ten thousand rows to a million',
      subtitle: [
        `${results.datasets.at(-1)?.about ?? ''}, and the first of such. ${results.rounds} rounds: medians; queries one call each on one thread, builds on all.`,
        circumstances(results),
        results.command,
      ],
      panels: [
        panel(
          lines((step) => buildOf(step)?.median),
          'build, seconds',
          theme,
        ),
        panel(
          lines((step) => speedAt(step, RECALL)?.median),
          speed,
          theme,
        ),
      ],
      notes: [
        'Both axes are logarithmic: a straight line that rises one decade in one is time in proportion to the rows.',
      ],
    },
    theme,
  )
}

interface Line {
  readonly name: string
  readonly look: Look
  readonly points: readonly { readonly x: number; readonly y: number }[]
}

const MARGIN = { top: 28, right: 12, bottom: 44, left: 62 }
const HEIGHT = 330
const LABEL_GAP = 16

/** Pixels, whatever the scales are. */
const raw = (value: number) => ({ value: () => value, scale: null })

/** Powers of ten, and twos and fives between them, within the domain. */
function ticksOf([low, high]: readonly [number, number]): number[] {
  const ticks: number[] = []
  for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10)
    for (const step of high / low > 50 ? [1] : [1, 2, 5]) ticks.push(step * power)
  return ticks.filter((tick) => tick >= low && tick <= high)
}

/** Values over rows, both logarithmic, with a name beside the end of every line. */
function panel(lines: readonly Line[], title: string, theme: Theme): Panel {
  const width = WIDTH / 2
  const drawn = lines.filter(({ points }) => points.length > 0)
  const values = drawn.flatMap(({ points }) => points.map(({ y }) => y))
  const rows = drawn.flatMap(({ points }) => points.map(({ x }) => x))
  const range: [number, number] = [Math.min(...values) / 1.4, Math.max(...values) * 1.4]
  const sizes: [number, number] = [Math.min(...rows), Math.max(...rows)]
  const labelWidth = Math.max(0, ...drawn.map(({ name }) => widthOf(name))) + 14
  const bottom = HEIGHT - MARGIN.bottom
  const y = (value: number) =>
    bottom - (Math.log(value / range[0]) / Math.log(range[1] / range[0])) * (bottom - MARGIN.top)
  const places = dodge(
    drawn.map(({ points }) => y(points.at(-1)!.y)),
    LABEL_GAP,
    MARGIN.top + 4,
    bottom,
  )
  const axis = { labelAnchor: 'center', labelArrow: 'none', fontSize: TEXT, fill: theme.text } as const
  const svg = Plot.plot({
    document: plotDocument,
    width,
    height: HEIGHT,
    marginTop: MARGIN.top,
    marginBottom: MARGIN.bottom,
    marginLeft: MARGIN.left,
    marginRight: MARGIN.right + labelWidth,
    style: { fontSize: `${TEXT}px`, fontFamily: 'inherit', color: theme.text, background: 'none' },
    x: { type: 'log', domain: sizes },
    y: { type: 'log', domain: range },
    marks: [
      Plot.gridX(ticksOf(sizes), { stroke: theme.grid, strokeOpacity: 1 }),
      Plot.gridY(ticksOf(range), { stroke: theme.grid, strokeOpacity: 1 }),
      Plot.axisX(ticksOf(sizes), { ...axis, text: whole, label: 'rows' }),
      Plot.axisY(ticksOf(range), {
        ...axis,
        text: (value: number) => Number(value.toPrecision(6)).toLocaleString('en-US'),
        label: null,
      }),
      Plot.text([title], {
        x: raw(8),
        y: raw(12),
        textAnchor: 'start',
        fontSize: TEXT,
        fill: theme.text,
        text: (t: string) => t,
      }),
      ...drawn.flatMap(({ name, look, points }, at) => [
        Plot.line(points, {
          x: 'x',
          y: 'y',
          stroke: look.colour,
          strokeWidth: 2,
          strokeDasharray: look.dashes,
        }),
        Plot.dot(points, { x: 'x', y: 'y', fill: look.colour, symbol: look.mark, r: 4 }),
        Plot.text([name], {
          x: raw(width - MARGIN.right - labelWidth + 10),
          y: raw(places[at]!),
          text: (text: string) => text,
          textAnchor: 'start',
          fontSize: TEXT,
          fontWeight: look.own ? 700 : 500,
          fill: look.colour,
        }),
      ]),
    ],
  })
  return { svg, width, height: HEIGHT }
}
