/**
 * Two runs beside each other: what moved beyond the noise.
 *
 * A cell is one measure of one engine on one dataset, present in both. It moved if the two spreads, least to
 * most, do not overlap and the medians differ by more than MOVE (for recall, which is close to 1, by more
 * than RECALL_MOVE). Cells are compared only where they mean the same: equal data and settings, one
 * reference for ratios, one machine for everything that depends on it.
 */
import type { DatasetResult, EngineResult, Results, Spread } from '../harness/contract.ts'
import { bytes, digits, percent, ratio, recall as recallText, seconds, spreadOf, threads } from './format.ts'
import { asText } from './tables.ts'

export const MOVE = 0.03
export const RECALL_MOVE = 0.005

/** In the order in which changes are shown: ratios first, as they carry over to other machines. */
const KINDS = ['ratio', 'recall', 'speed', 'seconds', 'bytes'] as const
export type Kind = (typeof KINDS)[number]
type Verdict = 'agrees' | 'small' | 'moved'

export interface Change {
  readonly dataset: string
  readonly engine: string
  readonly measure: string
  readonly kind: Kind
  readonly a: Spread
  readonly b: Spread
  /** b ÷ a − 1 of the medians; for recall b − a. */
  readonly change: number
}
export interface Comparison {
  /** What moved: ratios first, then as the runs list them. */
  readonly rows: readonly Change[]
  /** Cells with a spread, which came from rounds; recalls and sizes are single values. */
  readonly cells: number
  /** Cells whose spreads overlap, and their share of these. */
  readonly agree: number
  readonly agreeShare: number
  /** The same by kind of measure, as some have many more cells than others. */
  readonly kinds: readonly { readonly kind: Kind; readonly cells: number; readonly agree: number }[]
  /** Cells of any kind whose spreads do not overlap while the medians hardly differ. */
  readonly small: number
  readonly onlyA: readonly string[]
  readonly onlyB: readonly string[]
  /** What was not compared, and why. */
  readonly notes: readonly string[]
}

interface Cell {
  readonly measure: string
  readonly kind: Kind
  readonly spread: Spread
  /** Differs from machine to machine. */
  readonly absolute: boolean
}

const single = (value: number): Spread => ({ median: value, min: value, max: value })

/** Every cell of an engine, ratios first. */
function cellsOf({ at, builds, curve, knob, indexBytes, fileBytes }: EngineResult): Cell[] {
  const cells: Cell[] = []
  const add = (kind: Kind, measure: string, spread: Spread | undefined, absolute: boolean) => {
    if (spread) cells.push({ measure, kind, spread, absolute })
  }
  for (const { recall, ratio, batch } of at) {
    add('ratio', `ratio at ${recallText(recall)}`, ratio, false)
    for (const one of batch)
      add('ratio', `batch ratio at ${recallText(recall)}, ${threads(one.threads)}`, one.ratio, false)
  }
  for (const { recall, qps, batch } of at) {
    add('speed', `queries/s at ${recallText(recall)}`, qps, true)
    for (const one of batch)
      add('speed', `batch queries/s at ${recallText(recall)}, ${threads(one.threads)}`, one.qps, true)
  }
  for (const build of builds) add('seconds', `build, ${threads(build.threads)}`, build.seconds, true)
  if (indexBytes !== undefined) add('bytes', 'index in memory', single(indexBytes), true)
  if (fileBytes !== undefined) add('bytes', 'file', single(fileBytes), false)
  for (const { effort, recall } of curve)
    add('recall', knob === 'none' ? 'recall' : `recall at ${knob} ${effort}`, single(recall), false)
  return cells
}

const WRITE: Record<Kind, (value: number) => string> = {
  ratio,
  speed: digits,
  seconds,
  bytes,
  recall: (value) => value.toFixed(4),
}

const WORDS: Record<Kind, string> = {
  ratio: 'ratios',
  recall: 'recalls',
  speed: 'speeds',
  seconds: 'build times',
  bytes: 'sizes',
}

export function overlap(a: Spread, b: Spread): boolean {
  return a.min <= b.max && b.min <= a.max
}

function judge(kind: Kind, a: Spread, b: Spread): { change: number; verdict: Verdict } {
  const change = kind === 'recall' ? b.median - a.median : b.median / a.median - 1
  if (overlap(a, b)) return { change, verdict: 'agrees' }
  const enough = Math.abs(change) > (kind === 'recall' ? RECALL_MOVE : MOVE)
  return { change, verdict: enough ? 'moved' : 'small' }
}

/** Same data asked in the same way; otherwise what differs, in words. */
function differs(a: DatasetResult, b: DatasetResult): string | undefined {
  const keys = ['rows', 'dim', 'metric', 'queries', 'M', 'efConstruction'] as const
  const found = keys.filter((key) => a[key] !== b[key])
  return found.length ? found.map((key) => `${key} ${a[key]} and ${b[key]}`).join(', ') : undefined
}

function machineOf({ machine: { cpu, cores, memoryGiB, os } }: Results): string {
  return `${cpu}, ${cores} cores, ${Math.round(memoryGiB)} GiB, ${os}`
}

const enginesOf = (results: Results): string[] =>
  results.datasets.flatMap(({ name, engines }) => engines.map((engine) => `${engine.name} on ${name}`))

const without = (from: readonly string[], others: readonly string[]): string[] =>
  from.filter((name) => !others.includes(name))

/** What all cells of the two runs have in common or not. */
function grounds(a: Results, b: Results) {
  const notes: string[] = []
  const sameMachine = machineOf(a) === machineOf(b)
  if (!sameMachine)
    notes.push(
      `The machines differ (${machineOf(a)}; ${machineOf(b)}): queries per second, build times and memory are not compared, only ratios, recall and file sizes.`,
    )
  const sameReference = a.reference === b.reference
  if (!sameReference)
    notes.push(`The references differ (${a.reference}, ${b.reference}): ratios are not compared.`)
  if (a.k !== b.k) notes.push(`k differs (${a.k}, ${b.k}): only builds, memory and files are compared.`)
  const compares = ({ kind, absolute }: Cell): boolean =>
    (sameMachine || !absolute) &&
    (sameReference || kind !== 'ratio') &&
    (a.k === b.k || kind === 'seconds' || kind === 'bytes')
  return { notes, compares }
}

/** Engines that ran in both, on data that means the same; what does not goes to `notes`. */
function pairs(a: Results, b: Results, notes: string[]) {
  return a.datasets.flatMap((left) => {
    const right = b.datasets.find(({ name }) => name === left.name)
    const difference = right && differs(left, right)
    if (difference) notes.push(`${left.name} is not compared: ${difference}.`)
    if (!right || difference) return []
    return left.engines.flatMap((engine) => {
      const other = right.engines.find(({ name }) => name === engine.name)
      return other ? [{ dataset: left.name, engine, other }] : []
    })
  })
}

type Judged = Change & { readonly verdict: Verdict }

function countOf(judged: readonly Judged[]): { cells: number; agree: number } {
  return { cells: judged.length, agree: judged.filter(({ verdict }) => verdict === 'agrees').length }
}

export function compare(a: Results, b: Results): Comparison {
  const { notes, compares } = grounds(a, b)
  const judged = pairs(a, b, notes).flatMap(({ dataset, engine, other }) => {
    const theirs = new Map(cellsOf(other).map((cell) => [cell.measure, cell.spread]))
    return cellsOf(engine).flatMap((cell): Judged[] => {
      const spread = theirs.get(cell.measure)
      if (!spread || !compares(cell)) return []
      const { measure, kind } = cell
      const names = { dataset, engine: engine.name, measure, kind }
      return [{ ...names, a: cell.spread, b: spread, ...judge(kind, cell.spread, spread) }]
    })
  })
  const kinds = KINDS.map((kind) => ({ kind, ...countOf(judged.filter((one) => one.kind === kind)) }))
  const { cells, agree } = countOf(judged.filter(({ a, b }) => a.min < a.max || b.min < b.max))
  const moved = judged.filter(({ verdict }) => verdict === 'moved').map(({ verdict: _, ...row }) => row)
  return {
    rows: moved.sort((x, y) => KINDS.indexOf(x.kind) - KINDS.indexOf(y.kind)),
    cells,
    agree,
    agreeShare: cells ? agree / cells : 1,
    kinds: kinds.filter((kind) => kind.cells),
    small: judged.filter(({ verdict }) => verdict === 'small').length,
    onlyA: without(enginesOf(a), enginesOf(b)),
    onlyB: without(enginesOf(b), enginesOf(a)),
    notes,
  }
}

/** For the terminal. */
export function comparisonText({
  rows,
  cells,
  agree,
  agreeShare,
  kinds,
  small,
  onlyA,
  onlyB,
  notes,
}: Comparison): string {
  const lines = rows.map(({ dataset, engine, measure, kind, a, b, change }) => {
    const moved =
      kind === 'recall' ? `${change < 0 ? '−' : '+'}${Math.abs(change).toFixed(4)}` : percent(change)
    return [dataset, engine, measure, spreadOf(a, WRITE[kind]), spreadOf(b, WRITE[kind]), moved]
  })
  const columns = ['dataset', 'engine', 'measure', 'A', 'B', 'B against A']
  return [
    ...notes,
    lines.length
      ? asText({ title: 'Moved beyond the noise', columns, rows: lines, text: true })
      : 'Nothing moved beyond the noise.',
    `${agree} of ${cells} cells with a spread (${(agreeShare * 100).toFixed(1)} %) agree within it. Of all cells ${small} differ by less than counts and ${rows.length} moved.`,
    ...(cells
      ? [`Agree: ${kinds.map(({ kind, cells, agree }) => `${agree} of ${cells} ${WORDS[kind]}`).join(', ')}`]
      : []),
    ...(onlyA.length ? [`Only in A: ${onlyA.join(', ')}`] : []),
    ...(onlyB.length ? [`Only in B: ${onlyB.join(', ')}`] : []),
  ].join('\n\n')
}
