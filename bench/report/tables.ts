/**
 * A run as tables: for the terminal, as Markdown, and for the HTML report. Every figure is the median of the
 * rounds with the least and the most in brackets; an engine without one has a dash.
 */
import type { DatasetResult, EngineResult, Results } from '../harness/contract.ts'
import {
  bytes,
  digits,
  micros,
  NONE,
  ratio,
  recall as recallText,
  seconds,
  spreadOf,
  threads,
  whole,
} from './format.ts'

export interface Table {
  readonly title: string
  readonly dataset?: string
  /** The first column is text, the others are figures unless `text` is set. */
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
  readonly text?: boolean
}

type At = EngineResult['at'][number]
interface Column {
  readonly head: string
  readonly of: (engine: EngineResult) => string
}

/** Batch, latency and its like are shown at this recall only. */
const MIDDLE_RECALL = 0.95

const atRecall = (engine: EngineResult, recall: number): At | undefined =>
  engine.at.find((at) => at.recall === recall)

const distinct = (values: readonly number[]): number[] => [...new Set(values)].sort((a, b) => a - b)

const optional = (value: number | undefined, write: (value: number) => string): string =>
  value === undefined ? NONE : write(value)

function tableOf(title: string, dataset: DatasetResult, columns: readonly Column[]): Table {
  return {
    title: `${dataset.name}: ${title}`,
    dataset: dataset.name,
    columns: ['engine', ...columns.map(({ head }) => head)],
    rows: dataset.engines.map((engine) => [engine.name, ...columns.map(({ of }) => of(engine))]),
  }
}

function speed(dataset: DatasetResult, recalls: readonly number[], k: number): Table {
  return tableOf(`queries per second at a recall@${k}, one thread`, dataset, [
    ...recalls.map(
      (recall): Column => ({
        head: `recall ${recallText(recall)}`,
        of: (engine) => spreadOf(atRecall(engine, recall)?.qps, digits),
      }),
    ),
    {
      head: 'highest recall',
      of: ({ curve }) => (curve.length ? Math.max(...curve.map((point) => point.recall)).toFixed(4) : NONE),
    },
  ])
}

function ratios(dataset: DatasetResult, recalls: readonly number[], reference: string): Table {
  return tableOf(
    `queries per second ÷ those of ${reference}, one thread`,
    dataset,
    recalls.map((recall) => ({
      head: `recall ${recallText(recall)}`,
      of: (engine) => spreadOf(atRecall(engine, recall)?.ratio, ratio),
    })),
  )
}

function batches(dataset: DatasetResult, reference: string): Table {
  const batchesOf = (engine: EngineResult) => atRecall(engine, MIDDLE_RECALL)?.batch ?? []
  const counts = distinct(
    dataset.engines.flatMap((engine) => batchesOf(engine).map((batch) => batch.threads)),
  )
  const on = (engine: EngineResult, count: number) =>
    batchesOf(engine).find((batch) => batch.threads === count)
  const latency = (engine: EngineResult) => atRecall(engine, MIDDLE_RECALL)?.latency
  return tableOf(
    `one call for all queries, and latency of one, at recall ${recallText(MIDDLE_RECALL)}`,
    dataset,
    [
      ...counts.map(
        (count): Column => ({
          head: `${threads(count)}, queries/s`,
          of: (engine) => spreadOf(on(engine, count)?.qps, digits),
        }),
      ),
      ...counts.map(
        (count): Column => ({
          head: `${threads(count)}, ÷ ${reference}`,
          of: (engine) => spreadOf(on(engine, count)?.ratio, ratio),
        }),
      ),
      { head: 'p50', of: (engine) => optional(latency(engine)?.p50, micros) },
      { head: 'p99', of: (engine) => optional(latency(engine)?.p99, micros) },
    ],
  )
}

function costs(dataset: DatasetResult): Table {
  const counts = distinct(dataset.engines.flatMap(({ builds }) => builds.map((build) => build.threads)))
  return tableOf('build, memory, file', dataset, [
    ...counts.map(
      (count): Column => ({
        head: `build, ${threads(count)}`,
        of: ({ builds }) => spreadOf(builds.find((build) => build.threads === count)?.seconds, seconds),
      }),
    ),
    { head: 'index', of: ({ indexBytes }) => optional(indexBytes, bytes) },
    { head: 'process at most', of: ({ peakBytes }) => bytes(peakBytes) },
    { head: 'file', of: ({ fileBytes }) => optional(fileBytes, bytes) },
    { head: 'load', of: ({ loadSeconds }) => optional(loadSeconds, seconds) },
  ])
}

/** The tables of one dataset. */
export function datasetTables(dataset: DatasetResult, { k, reference }: Results): Table[] {
  const recalls = distinct(dataset.engines.flatMap(({ at }) => at.map(({ recall }) => recall)))
  return [
    ratios(dataset, recalls, reference),
    speed(dataset, recalls, k),
    batches(dataset, reference),
    costs(dataset),
  ]
}

/** What ran: an engine once, though it ran on several datasets. */
export function versionsTable({ datasets }: Results): Table {
  const rows = new Map<string, readonly string[]>()
  for (const { engines } of datasets)
    for (const { name, kind, version, isa, knob } of engines)
      rows.set(`${name} ${version} ${isa}`, [name, version, isa, kind, knob === 'none' ? NONE : knob])
  const columns = ['engine', 'version', 'instructions', 'kind', 'recall set by']
  return { title: 'Versions and instruction sets', columns, rows: [...rows.values()], text: true }
}

export function leftOutTable({ leftOut }: Results): Table | undefined {
  if (!leftOut.length) return undefined
  const rows = leftOut.map(({ engine, dataset, reason }) => [engine, dataset ?? 'all', reason])
  return { title: 'Left out', columns: ['engine', 'dataset', 'why'], rows, text: true }
}

export function allTables(results: Results): Table[] {
  const leftOut = leftOutTable(results)
  return [
    ...results.datasets.flatMap((dataset) => datasetTables(dataset, results)),
    versionsTable(results),
    ...(leftOut ? [leftOut] : []),
  ]
}

/** A line on a dataset: `31,102 rows, 256 dimensions, cosine, 1,000 queries; M 16, efConstruction 200`. */
export const datasetLine = ({ rows, dim, metric, queries, M, efConstruction }: DatasetResult): string =>
  `${whole(rows)} rows, ${dim} dimensions, ${metric}, ${whole(queries)} queries; M ${M}, efConstruction ${efConstruction}`

/** For a terminal: columns of one width, figures to the right. */
export function asText({ title, columns, rows, text }: Table): string {
  const lines = [columns, ...rows]
  const widths = columns.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  const write = (line: readonly string[]) =>
    line
      .map((cell, at) => (at && !text ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!)))
      .join('  ')
      .trimEnd()
  const rule = widths.map((width) => '─'.repeat(width)).join('  ')
  return [title, write(columns), rule, ...rows.map(write)].join('\n')
}

export function asMarkdown({ title, columns, rows, text }: Table): string {
  const write = (line: readonly string[]) =>
    `| ${line.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
  const rule = `|${columns.map((_, at) => (at && !text ? '--:' : '---')).join('|')}|`
  return [`**${title}**`, '', write(columns), rule, ...rows.map(write)].join('\n')
}
