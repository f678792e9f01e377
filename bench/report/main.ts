/**
 * Reports on a run, and compares two:
 *
 *   node bench/report/main.ts results.json [--out folder]     pictures, report.html, tables.md; tables here
 *   node bench/report/main.ts --compare A.json B.json         what moved beyond the noise
 *
 * The folder is by default named like the results, with `-report` for `.json`.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Results } from '../harness/contract.ts'
import { charts } from './charts.ts'
import { compare, comparisonText } from './compare.ts'
import { html } from './html.ts'
import { allTables, asMarkdown, asText } from './tables.ts'

const USAGE = 'results.json [--out folder], or --compare A.json B.json'

/** A results file of the format this code reads. */
export async function readResults(path: string): Promise<Results> {
  const found = JSON.parse(await readFile(path, 'utf8')) as Partial<Results> | null
  if (found?.format !== 1)
    throw new Error(`${path}: expected results of format 1, got format ${found?.format}`)
  if (!Array.isArray(found.datasets))
    throw new Error(`${path}: expected datasets, got ${typeof found.datasets}`)
  return found as Results
}

/** Writes pictures, `report.html` and `tables.md` into `folder`; their names. */
export async function writeReport(results: Results, folder: string): Promise<string[]> {
  const pictures = charts(results)
  const files: [string, string][] = pictures.map(({ name, svg }) => [`${name}.svg`, svg])
  files.push(['report.html', html(results, pictures)])
  files.push(['tables.md', `${allTables(results).map(asMarkdown).join('\n\n')}\n`])
  await mkdir(folder, { recursive: true })
  await Promise.all(files.map(([name, text]) => writeFile(join(folder, name), text)))
  return files.map(([name]) => name)
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { out: { type: 'string' }, compare: { type: 'boolean', default: false } },
  })
  const wanted = values.compare ? 2 : 1
  if (positionals.length !== wanted) throw new Error(`expected ${USAGE}, got ${positionals.length} files`)
  const [a, b] = await Promise.all(positionals.map(readResults))
  if (values.compare) {
    console.log(comparisonText(compare(a!, b!)))
    return
  }
  console.log(allTables(a!).map(asText).join('\n\n'))
  const folder = values.out ?? positionals[0]!.replace(/(\.json)?$/, '-report')
  const files = await writeReport(a!, folder)
  console.log(`\n${files.length} files in ${folder}, report.html among them`)
}

if (import.meta.main) await main()
