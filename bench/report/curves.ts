/**
 * Recall against queries per second: one line an engine, its Pareto front alone, nearfield strongest.
 *
 * Recall runs on −log10(1 − recall + FLOOR): equal steps are equal factors of what is missed, and a
 * recall of exactly 1 still has a place. Speed is logarithmic. Every engine has its name at its line's end,
 * or in a note below when it never comes into the picture.
 */
import * as Plot from '@observablehq/plot'
import type { DatasetResult, EngineResult } from '../harness/contract.ts'
import { front } from '../harness/statistics.ts'
import { recall as recallText, whole } from './format.ts'
import { type Panel, plotDocument, TEXT, WIDTH, widthOf } from './frame.ts'
import { type Look, lookOf, type Theme } from './theme.ts'

const RECALL_LEAST = 0.8
/** Misses fewer than this no longer stretch the axis: one in 2,000. */
const FLOOR = 0.0005
export const RECALL_TICKS = [0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1] as const
/** Between names beside the plot. */
const LABEL_GAP = 17
const MARGIN = { top: 8, bottom: 48, left: 76 }
/** Curves that end further left than this share of the plot have no line to their label: it would cross others. */
const LEAD_FROM = 0.6
/** From the plot's edge to a label: room for the thin lines that lead there. */
const LEAD = 26

/** Of the plot alone: as tall as its speeds want within these. */
const [HEIGHT_LEAST, HEIGHT_MOST, DECADE] = [410, 620, 180]

type CurvePoint = EngineResult['curve'][number]

/** Where a recall lies on the axis. */
export const stretch = (recall: number): number => -Math.log10(1 - recall + FLOOR)

/** A line's points in the picture; the first may lie on its left edge, between two measured ones. */
interface Line {
  readonly engine: EngineResult
  readonly look: Look
  readonly points: readonly CurvePoint[]
  readonly path: readonly { readonly recall: number; readonly speed: number }[]
}

function lineOf(engine: EngineResult, look: Look): Line | undefined {
  const best = front(engine.curve, ({ qps }) => qps.median)
  const points = best.filter(({ recall }) => recall >= RECALL_LEAST)
  const first = points[0]
  if (!first) return undefined
  const path = points.map(({ recall, qps }) => ({ recall, speed: qps.median }))
  const before = best[best.indexOf(first) - 1]
  if (before && first.recall > RECALL_LEAST) {
    const share = (RECALL_LEAST - before.recall) / (first.recall - before.recall)
    const speed = before.qps.median * (first.qps.median / before.qps.median) ** share
    path.unshift({ recall: RECALL_LEAST, speed })
  }
  return { engine, look, points, path }
}

/** Places as near the wanted as they can be, at least `gap` apart, within [least, most] if all fit. */
export function dodge(wanted: readonly number[], gap: number, least: number, most: number): number[] {
  const order = wanted.map((_, at) => at).sort((a, b) => wanted[a]! - wanted[b]!)
  const places = [...wanted]
  let free = least
  for (const at of order) {
    places[at] = Math.max(places[at]!, free)
    free = places[at]! + gap
  }
  let limit = most
  for (const at of order.toReversed()) {
    places[at] = Math.min(places[at]!, limit)
    limit = places[at]! - gap
  }
  return places
}

/** 1, 2, 5, 10, … within the domain. */
function speedTicks([low, high]: readonly [number, number]): number[] {
  const ticks: number[] = []
  for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10)
    for (const step of high / low > 3000 ? [1] : [1, 2, 5]) ticks.push(step * power)
  return ticks.filter((tick) => tick >= low && tick <= high)
}

function domainOf(lines: readonly Line[]): [number, number] {
  const speeds = lines.flatMap(({ points, path }) => [
    ...points.flatMap(({ qps }) => [qps.min, qps.max]),
    ...path.map(({ speed }) => speed),
  ])
  return [Math.min(...speeds) / 1.15, Math.max(...speeds) * 1.15]
}

/** Pixels, whatever the scales are. */
const raw = <D>(value: (datum: D) => number) => ({ value, scale: null })

/** One engine's whiskers, line and marks. */
function lineMarks({ points, path, look }: Line, theme: Theme): Plot.Markish[] {
  const { colour, own, mark, dashes } = look
  const x = ({ recall }: { recall: number }) => stretch(recall)
  return [
    Plot.ruleX(points, {
      x,
      y1: ({ qps }: CurvePoint) => qps.min,
      y2: ({ qps }: CurvePoint) => qps.max,
      stroke: colour,
      strokeOpacity: own ? 0.8 : 0.55,
      strokeWidth: own ? 1.6 : 1.1,
    }),
    Plot.line(path, {
      x,
      y: 'speed',
      stroke: colour,
      strokeWidth: own ? 3 : 1.5,
      strokeDasharray: dashes,
      strokeOpacity: own ? 1 : 0.9,
    }),
    Plot.dot(points, {
      x,
      y: ({ qps }: CurvePoint) => qps.median,
      fill: colour,
      stroke: theme.background,
      strokeWidth: 0.8,
      symbol: mark,
      r: own ? 4.6 : 3.4,
    }),
  ]
}

interface Label {
  readonly line: Line
  readonly from: readonly [number, number] | undefined
  readonly at: readonly [number, number]
}

/** A name beside the plot and a thin line to it from where the curve ends. */
function labelMarks({ line, from, at }: Label): Plot.Markish[] {
  const { look, engine } = line
  const [x, y] = at
  const lead = from ? [from, [x - LEAD + 8, y] as const, [x - 12, y] as const] : []
  return [
    Plot.line(lead, {
      x: raw(([x]: readonly [number, number]) => x),
      y: raw(([, y]: readonly [number, number]) => y),
      stroke: look.colour,
      strokeOpacity: 0.4,
      strokeWidth: 0.9,
    }),
    Plot.dot([at], {
      x: raw(([x]: readonly [number, number]) => x - 7),
      y: raw(([, y]: readonly [number, number]) => y),
      fill: look.colour,
      symbol: look.mark,
      r: look.own ? 4.6 : 3.6,
    }),
    Plot.text([at], {
      x: raw(([x]: readonly [number, number]) => x + 2),
      y: raw(([, y]: readonly [number, number]) => y),
      text: () => engine.name,
      textAnchor: 'start',
      fill: look.colour,
      fontWeight: look.own ? 700 : 500,
      fontSize: TEXT,
    }),
  ]
}

/** Where the plot lies, and what recalls and speeds are in pixels. */
function geometry(lines: readonly Line[]) {
  const speeds = domainOf(lines)
  const [low, high] = speeds
  const tall = Math.min(HEIGHT_MOST, DECADE * Math.log10(high / low))
  const height = MARGIN.top + MARGIN.bottom + Math.max(HEIGHT_LEAST, tall, lines.length * LABEL_GAP)
  const labelWidth = Math.max(...lines.map(({ engine }) => widthOf(engine.name)))
  const [right, bottom] = [WIDTH - labelWidth - LEAD - 16, height - MARGIN.bottom]
  const [least, most] = [stretch(RECALL_LEAST), stretch(1)]
  const x = (recall: number) =>
    MARGIN.left + ((stretch(recall) - least) / (most - least)) * (right - MARGIN.left)
  const y = (speed: number) => bottom - (Math.log(speed / low) / Math.log(high / low)) * (bottom - MARGIN.top)
  return { height, right, bottom, recalls: [least, most], speeds, x, y }
}

function labelsOf(lines: readonly Line[], { right, bottom, x, y }: ReturnType<typeof geometry>): Label[] {
  const ends = lines.map(({ path }) => [x(path.at(-1)!.recall), y(path.at(-1)!.speed)] as const)
  const wanted = ends.map(([, y]) => y)
  const places = dodge(wanted, LABEL_GAP, MARGIN.top + 4, bottom)
  const leadLeast = MARGIN.left + LEAD_FROM * (right - MARGIN.left)
  return lines.map((line, at) => {
    const from = ends[at]![0] >= leadLeast ? ends[at] : undefined
    return { line, from, at: [right + LEAD, places[at]!] }
  })
}

/** Grid and axes. The text is a channel: as a format, a logarithmic scale would drop some of it. */
function axes(speeds: readonly [number, number], k: number, theme: Theme): Plot.Markish[] {
  const recalls = RECALL_TICKS.map((recall) => ({ at: stretch(recall), text: recallText(recall) }))
  const places = recalls.map(({ at }) => at)
  const ticks = speedTicks(speeds)
  const grid = { stroke: theme.grid, strokeOpacity: 1 }
  const axis = { labelAnchor: 'center', labelArrow: 'none', fontSize: TEXT, fill: theme.text } as const
  return [
    Plot.gridX(places, grid),
    Plot.gridY(ticks, grid),
    Plot.axisX(places, {
      ...axis,
      text: (value: number) => recalls.find(({ at }) => at === value)?.text ?? '',
      label: `recall@${k}, stretched towards 1 →`,
    }),
    Plot.axisY(ticks, {
      ...axis,
      text: whole,
      label: 'queries per second, one thread →',
      labelOffset: MARGIN.left - 12,
    }),
  ]
}

/** The plot, and the engines that are not in it. */
export function curvesPanel(
  dataset: DatasetResult,
  looks: ReadonlyMap<string, Look>,
  k: number,
  theme: Theme,
): { panel?: Panel; outside: string[] } {
  const all = dataset.engines.map((engine) => ({ engine, line: lineOf(engine, lookOf(looks, engine.name)) }))
  const outside = all.filter(({ line }) => !line).map(({ engine }) => engine.name)
  const lines = all
    .flatMap(({ line }) => (line ? [line] : []))
    // Drawn last is drawn on top.
    .sort((a, b) => Number(a.look.own) - Number(b.look.own))
  if (!lines.length) return { outside }
  const place = geometry(lines)
  const { height, right, recalls, speeds } = place
  const svg = Plot.plot({
    document: plotDocument,
    width: WIDTH,
    height,
    marginTop: MARGIN.top,
    marginBottom: MARGIN.bottom,
    marginLeft: MARGIN.left,
    marginRight: WIDTH - right,
    style: { fontSize: `${TEXT}px`, fontFamily: 'inherit', color: theme.text, background: 'none' },
    x: { domain: recalls },
    y: { type: 'log', domain: speeds },
    marks: [
      ...axes(speeds, k, theme),
      ...labelsOf(lines, place).flatMap(labelMarks),
      ...lines.flatMap((line) => lineMarks(line, theme)),
    ],
  })
  return { panel: { svg, width: WIDTH, height }, outside }
}
