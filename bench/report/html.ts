/**
 * A run as one HTML file: pictures, tables, protocol, what was left out. It asks for nothing from outside,
 * follows the reader's choice of light or dark, and on a narrow screen pictures and tables scroll in their
 * boxes while the text stays.
 */
import type { DatasetResult, Results } from '../harness/contract.ts'
import { circumstances, type Picture } from './charts.ts'
import { escaped } from './format.ts'
import { datasetLine, datasetTables, leftOutTable, type Table, versionsTable } from './tables.ts'
import { FONT, OWN_FAMILY } from './theme.ts'

const STYLE = `
:root { color-scheme: light dark; --text: #1f2328; --muted: #59636e; --line: #d9dee3; --back: #ffffff; --own: #fdf0e6 }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --muted: #9198a1; --line: #2b323b; --back: #0d1117; --own: #2a1c11 }
  .light { display: none }
}
@media (prefers-color-scheme: light) { .dark { display: none } }
* { box-sizing: border-box }
body { margin: 0; background: var(--back); color: var(--text); font: 16px/1.55 ${FONT} }
main { max-width: 900px; margin: 0 auto; padding: 32px 20px 64px }
h1 { font-size: 1.8rem; line-height: 1.2; margin: 0 0 .4em }
h2 { font-size: 1.35rem; margin: 2.6em 0 .2em; padding-top: .9em; border-top: 1px solid var(--line) }
p { margin: .5em 0; max-width: 46em }
.muted { color: var(--muted) }
nav a { display: inline-block; margin-right: 1em; color: inherit }
code { font: .88em ui-monospace, 'SF Mono', Menlo, Consolas, monospace }
pre { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; padding: 10px 14px; margin: 1em 0 }
.box { overflow-x: auto; margin: 1.2em 0; border: 1px solid var(--line); border-radius: 6px }
figure.box > div > svg { display: block; margin: 0 auto; min-width: 830px; height: auto }
table { border-collapse: collapse; width: 100%; font-size: .84rem; font-variant-numeric: tabular-nums }
caption { text-align: left; padding: 10px 12px; font-weight: 600; position: sticky; left: 0 }
th, td { padding: 5px 12px; border-top: 1px solid var(--line); text-align: right; white-space: nowrap; vertical-align: top }
th { color: var(--muted); font-weight: 500 }
tr.own > * { background: var(--own) }
tr > :first-child, .text th, .text td { text-align: left }
.text td:last-child { white-space: normal; min-width: 14em }
tbody th { color: inherit; font-weight: 400; position: sticky; left: 0; background: var(--back) }
tr.own th { font-weight: 650 }
`

function tableHtml({ title, columns, rows, text }: Table, own: ReadonlySet<string>): string {
  const head = columns.map((column) => `<th scope="col">${escaped(column)}</th>`).join('')
  const body = rows.map(([first, ...rest]) => {
    const cells = rest.map((cell) => `<td>${escaped(cell)}</td>`).join('')
    return `<tr${own.has(first!) ? ' class="own"' : ''}><th scope="row">${escaped(first!)}</th>${cells}</tr>`
  })
  return [
    `<div class="box" tabindex="0"><table${text ? ' class="text"' : ''}><caption>${escaped(title)}</caption>`,
    `<thead><tr>${head}</tr></thead><tbody>${body.join('\n')}</tbody></table></div>`,
  ].join('\n')
}

/** Both themes of one picture; the style sheet shows one. */
function figure(pictures: readonly Picture[]): string {
  const themes = pictures.map(({ theme, svg }) => `<div class="${theme}">${svg.trim()}</div>`)
  return `<figure class="box" tabindex="0">${themes.join('')}</figure>`
}

function datasetHtml(
  dataset: DatasetResult,
  results: Results,
  pictures: readonly Picture[],
  own: ReadonlySet<string>,
): string {
  const mine = pictures.filter((picture) => picture.dataset === dataset.name)
  const kinds = Map.groupBy(mine, ({ kind }) => kind)
  return [
    `<h2 id="${idOf(dataset)}">${escaped(dataset.name)}</h2>`,
    `<p>${escaped(dataset.about)}</p><p class="muted">${escaped(datasetLine(dataset))}</p>`,
    ...[...kinds.values()].map(figure),
    ...datasetTables(dataset, results).map((table) => tableHtml(table, own)),
  ].join('\n')
}

const idOf = ({ name }: DatasetResult): string => `data-${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`

/** How the figures came about, in a few sentences. */
export function protocol({ rounds, k, reference }: Results): string[] {
  return [
    `Every engine runs in a process of its own, on the same vectors and queries; queries are never rows. All engines are measured in each of ${rounds} rounds, one after the other. A figure is the median of the rounds, with the least and the most in brackets.`,
    `Recall@${k} is the share of the true ${k} nearest that were found; the truth is an exact scan. An engine's effort is raised step by step, which gives a curve; speed at a recall is read off each round's curve between the two points around it. A curve that starts above that recall gives its first point.`,
    `A ratio is an engine's queries per second divided by those of ${reference} in the same round, so that a slow moment of the machine hits both. Ratios carry over to other machines better than the figures themselves.`,
    'Speed on one thread is one call a query. Index memory is what the process grew by; vectors are in it where the engine keeps them.',
  ]
}

/** The whole report. */
export function html(results: Results, pictures: readonly Picture[]): string {
  const { datasets, command, nearfield } = results
  const own = new Set(
    datasets.flatMap(({ engines }) =>
      engines.filter(({ family }) => family === OWN_FAMILY).map(({ name }) => name),
    ),
  )
  const links = datasets.map((dataset) => `<a href="#${idOf(dataset)}">${escaped(dataset.name)}</a>`)
  const leftOut = leftOutTable(results)
  return [
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>nearfield benchmark</title><style>${STYLE}</style></head><body><main>`,
    `<h1>nearfield ${escaped(nearfield)} beside its peers</h1>`,
    `<p class="muted">${escaped(circumstances(results))}</p>`,
    `<pre><code>${escaped(command)}</code></pre>`,
    `<nav>${links.join('')}<a href="#versions">Versions</a><a href="#protocol">Protocol</a></nav>`,
    ...datasets.map((dataset) => datasetHtml(dataset, results, pictures, own)),
    '<h2 id="versions">What ran</h2>',
    tableHtml(versionsTable(results), own),
    leftOut ? tableHtml(leftOut, own) : '<p>No engine was left out.</p>',
    '<h2 id="protocol">Protocol</h2>',
    ...protocol(results).map((paragraph) => `<p>${escaped(paragraph)}</p>`),
    '</main></body></html>\n',
  ].join('\n')
}
