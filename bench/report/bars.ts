/**
 * Panels with a row an engine: bars from zero with their values written beside them, and the pairs of
 * points that latencies are. Names stand left of the first panel of a sheet; nearfield's is bold.
 */
import * as Plot from '@observablehq/plot'
import { type Panel, plotDocument, TEXT, widthOf } from './frame.ts'
import { type Look, lookOf, type Theme } from './theme.ts'

export interface Bar {
  readonly engine: string
  readonly value: number
  /** Least and most of the rounds, where there are several. */
  readonly min?: number
  readonly max?: number
  readonly text: string
}
/** Bars of one meaning: built on two threads. */
export interface Series {
  readonly opacity: number
  readonly bars: readonly Bar[]
}
export interface Rows {
  readonly engines: readonly string[]
  readonly looks: ReadonlyMap<string, Look>
  readonly theme: Theme
  readonly width: number
  /** The names are written left of the rows. */
  readonly named: boolean
  readonly axis: string
  readonly tick: (value: number) => string
}

const TOP = 4
/** Above the rows, for the text of a mark. */
const TOP_MARKED = 22
const BOTTOM = 44

/** Pixels, whatever the scales are. */
const raw = (value: number) => ({ value: () => value, scale: null })

const marginFor = (engines: readonly string[]) => 18 + Math.max(...engines.map((name) => widthOf(name)))

function names({ engines, looks, theme, named }: Rows): Plot.Markish[] {
  if (!named) return []
  return [true, false].map((own) =>
    Plot.text(
      engines.filter((name) => lookOf(looks, name).own === own),
      {
        x: raw(marginFor(engines) - 10),
        y: (name: string) => name,
        text: (name: string) => name,
        textAnchor: 'end',
        fontSize: TEXT,
        fontWeight: own ? 700 : 400,
        fill: theme.text,
      },
    ),
  )
}

/** What all of them share: size, rows, axis with its title. */
function frameOf(
  rows: Rows,
  rowHeight: number,
  right: number,
  top = TOP,
): Plot.PlotOptions & { height: number } {
  const { engines, theme, width } = rows
  return {
    document: plotDocument,
    width,
    height: top + BOTTOM + engines.length * rowHeight,
    marginTop: top,
    marginBottom: BOTTOM,
    marginLeft: rows.named ? marginFor(engines) : 14,
    marginRight: right,
    style: { fontSize: `${TEXT}px`, fontFamily: 'inherit', color: theme.text, background: 'none' },
    y: { type: 'band', domain: [...engines], padding: 0, axis: null },
  }
}

function axisMarks({ theme, axis, tick }: Rows, ticks: readonly number[]): Plot.Markish[] {
  return [
    Plot.gridX([...ticks], { stroke: theme.grid, strokeOpacity: 1 }),
    Plot.axisX([...ticks], {
      // As a format, a logarithmic scale would drop some of it.
      text: tick,
      label: axis,
      labelAnchor: 'center',
      labelArrow: 'none',
      fontSize: TEXT,
      fill: theme.text,
    }),
  ]
}

/** From 0 to `most` in about `count` steps of 1, 2 or 5. */
export function roundSteps(most: number, count: number): number[] {
  const power = 10 ** Math.floor(Math.log10(most / count))
  const step = [1, 2, 5, 10].map((times) => times * power).find((size) => most / size <= count) ?? 10 * power
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, at) => at * step)
}

/** A series' bars, and its texts, which go over whatever else is drawn. */
function seriesMarks(
  series: Series,
  at: number,
  of: number,
  rows: Rows,
  rowHeight: number,
): { readonly bars: readonly Plot.Markish[]; readonly texts: readonly Plot.Markish[] } {
  const { looks, theme } = rows
  const slim = (rowHeight - 8) / of
  const insets = { insetTop: 4 + at * slim, insetBottom: 4 + (of - 1 - at) * slim + 1 }
  const middle = insets.insetTop + (slim - 1) / 2 - rowHeight / 2
  const ranged = series.bars.filter(({ min, max }) => min !== undefined && max !== undefined && min < max)
  const bars = [
    Plot.barX(series.bars, {
      x1: 0,
      x2: 'value',
      y: 'engine',
      fill: ({ engine }: Bar) => lookOf(looks, engine).colour,
      fillOpacity: series.opacity,
      ...insets,
    }),
    Plot.ruleY(ranged, {
      x1: 'min',
      x2: 'max',
      y: 'engine',
      dy: middle,
      stroke: theme.text,
      strokeWidth: 1.3,
    }),
  ]
  const texts = [true, false].map((own) =>
    Plot.text(
      series.bars.filter(({ engine }) => lookOf(looks, engine).own === own),
      {
        x: ({ value, max }: Bar) => Math.max(value, max ?? value),
        y: 'engine',
        text: 'text',
        textAnchor: 'start',
        dx: 6,
        dy: middle,
        fontSize: TEXT,
        fontWeight: own ? 700 : 400,
        fill: theme.text,
        stroke: theme.background,
        strokeWidth: 4,
      },
    ),
  )
  return { bars, texts }
}

/** Bars from zero, one below the other for each series; `mark` is a value to compare with. */
export function barsPanel(
  rows: Rows,
  series: readonly Series[],
  mark?: { readonly value: number; readonly text: string },
): Panel {
  const rowHeight = series.length > 1 ? 8 + series.length * 15 : 24
  const bars = series.flatMap((one) => one.bars)
  const most = Math.max(...bars.map(({ value, max }) => Math.max(value, max ?? 0)), mark?.value ?? 0)
  const frame = frameOf(
    rows,
    rowHeight,
    14 + Math.max(...bars.map(({ text }) => widthOf(text))),
    mark ? TOP_MARKED : TOP,
  )
  const { theme } = rows
  const marked = mark
    ? [
        Plot.ruleX([mark.value], { stroke: theme.text, strokeDasharray: '4 3', strokeOpacity: 0.8 }),
        Plot.text([mark.value], {
          x: (value: number) => value,
          text: () => mark.text,
          frameAnchor: 'top',
          dy: -16,
          textAnchor: 'middle',
          fontSize: TEXT,
          fill: theme.muted,
        }),
      ]
    : []
  const drawn = series.map((one, at) => seriesMarks(one, at, series.length, rows, rowHeight))
  const svg = Plot.plot({
    ...frame,
    x: { domain: [0, most], axis: null },
    marks: [
      ...axisMarks(rows, roundSteps(most, Math.round(rows.width / 90))),
      ...drawn.flatMap(({ bars }) => bars),
      ...marked,
      ...drawn.flatMap(({ texts }) => texts),
      ...names(rows),
    ],
  })
  return { svg, width: rows.width, height: frame.height }
}

/** Two values of an engine and the way between them, on a logarithmic axis. */
export interface Pair {
  readonly engine: string
  readonly low: number
  readonly high: number
  readonly text: string
}

export function pairsPanel(rows: Rows, pairs: readonly Pair[]): Panel {
  const { looks, theme } = rows
  const colour = ({ engine }: Pair) => lookOf(looks, engine).colour
  const frame = frameOf(rows, 26, 14 + Math.max(...pairs.map(({ text }) => widthOf(text))))
  const domain = [
    Math.min(...pairs.map(({ low }) => low)) / 1.2,
    Math.max(...pairs.map(({ high }) => high)) * 1.1,
  ] as const
  const ticks = [1, 2, 5].flatMap((step) =>
    Array.from({ length: 12 }, (_, power) => step * 10 ** (power - 2)),
  )
  const svg = Plot.plot({
    ...frame,
    x: { type: 'log', domain: [...domain], axis: null },
    marks: [
      ...axisMarks(
        rows,
        ticks.filter((tick) => tick >= domain[0] && tick <= domain[1]).sort((a, b) => a - b),
      ),
      Plot.ruleY(pairs, {
        x1: 'low',
        x2: 'high',
        y: 'engine',
        stroke: colour,
        strokeWidth: 3,
        strokeOpacity: 0.6,
      }),
      Plot.dot(pairs, { x: 'low', y: 'engine', fill: colour, r: 5 }),
      Plot.dot(pairs, {
        x: 'high',
        y: 'engine',
        fill: theme.background,
        stroke: colour,
        strokeWidth: 2,
        r: 4.5,
      }),
      ...[true, false].map((own) =>
        Plot.text(
          pairs.filter(({ engine }) => lookOf(looks, engine).own === own),
          {
            x: 'high',
            y: 'engine',
            text: 'text',
            textAnchor: 'start',
            dx: 10,
            fontSize: TEXT,
            fontWeight: own ? 700 : 400,
            fill: theme.text,
          },
        ),
      ),
      ...names(rows),
    ],
  })
  return { svg, width: rows.width, height: frame.height }
}
