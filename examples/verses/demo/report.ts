/** How results look: questions with their verses, the table of measurements, and the same as JSON. */

import type { BackendInfo } from 'nearfield'
import type { Verse } from '../embedder/verses.ts'
import type { Kind } from './arguments.ts'
import type { Built } from './build.ts'
import { EF, K, type Measured } from './measure.ts'
import { type Column, renderTable } from './table.ts'
import { count, type Terminal, wrap } from './terminal.ts'

export interface Answer {
  readonly question: string
  readonly hits: readonly (Verse & { readonly distance: number })[]
}

export interface KindReport extends Measured, Omit<Built, 'index'> {
  readonly kind: Kind
  readonly vectorsPerSecond: number
}

export interface Report {
  readonly verses: number
  readonly dim: number
  readonly embedSeconds: number
  readonly backend: BackendInfo
  readonly heldOutQueries: number
  readonly kinds: readonly KindReport[]
  readonly answers: readonly Answer[]
}

/** Below this, text goes under its reference and not beside it. */
const SIDE_BY_SIDE_WIDTH_MIN = 64

export function printAnswer(terminal: Terminal, { question, hits }: Answer): void {
  for (const line of wrap(question, terminal.width - 2)) terminal.line(terminal.paint('bold', line))
  const referenceWidth = Math.max(0, ...hits.map((hit) => hit.reference.length))
  for (const hit of hits) {
    const distance = terminal.paint('dim', hit.distance.toFixed(3))
    const reference = terminal.paint('cyan', hit.reference.padEnd(referenceWidth))
    if (terminal.width < SIDE_BY_SIDE_WIDTH_MIN) {
      terminal.line(`  ${distance}  ${reference.trimEnd()}`)
      for (const line of wrap(hit.text, terminal.width - 4)) terminal.line(`    ${line}`)
      continue
    }
    const indent = 2 + 5 + 2 + referenceWidth + 2
    const [first = '', ...rest] = wrap(hit.text, terminal.width - indent)
    terminal.line(`  ${distance}  ${reference}  ${first}`)
    for (const line of rest) terminal.line(' '.repeat(indent) + line)
  }
  terminal.line()
}

const COLUMNS: readonly Column[] = [
  { title: 'kind', align: 'left' },
  { title: 'build s', align: 'right' },
  { title: 'vec/s', align: 'right' },
  { title: 'file MB', align: 'right' },
  { title: 'ms/query', align: 'right' },
  { title: 'QPS', align: 'right' },
  { title: `recall@${K}`, align: 'right' },
]

export function printMeasurements(terminal: Terminal, report: Report): void {
  const rows = report.kinds.map((kind) => [
    kind.kind,
    kind.buildSeconds.toFixed(2),
    count(Math.round(kind.vectorsPerSecond)),
    (kind.fileBytes / 1e6).toFixed(1),
    kind.millisecondsPerQuery.toFixed(3),
    count(Math.round(kind.queriesPerSecond)),
    kind.recallAt10.toFixed(4),
  ])
  const [title = '', ...lines] = renderTable(COLUMNS, rows, terminal.width)
  terminal.line(terminal.paint('bold', title))
  for (const line of lines) terminal.line(line)
  terminal.line()
  for (const line of wrap(footnote(report), terminal.width)) terminal.line(terminal.paint('dim', line))
}

function footnote({ backend, heldOutQueries }: Report): string {
  const threads = backend.threads === 1 ? '1 thread' : `${backend.threads} threads`
  return (
    `${backend.kind} (${backend.why}), ${backend.simd}. Built on ${threads}; ms/query: one thread, one query ` +
    `at a time; QPS: batches on ${threads}; recall against exact search over ${heldOutQueries} questions ` +
    `that are no rows; ef ${EF}.`
  )
}
