/**
 * Recall against speed, nearfield beside its peers: `npm run bench`, `npm run bench -- --help`.
 *
 *   options ─► data prepared ─► one measurement a data set ─► results.json, pictures, report.html, tables
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DATASETS } from './data/catalogue.ts'
import type { Results } from './harness/contract.ts'
import { chosen, ENGINES } from './harness/engines.ts'
import { type Options, optionsOf, USAGE } from './harness/options.ts'
import { run } from './harness/run.ts'
import { charts } from './report/charts.ts'
import { compare, comparisonText } from './report/compare.ts'
import { writeReport } from './report/main.ts'
import { allTables, asText } from './report/tables.ts'
import { direct } from './suites/direct.ts'
import { founding } from './suites/founding.ts'
import { generator } from './suites/generator.ts'
import { growth } from './suites/growth.ts'
import { inserts } from './suites/inserts.ts'
import { steps } from './suites/steps.ts'

const args = process.argv.slice(2)
const commandLine = ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' ')

async function curves(options: Options): Promise<void> {
  const { full } = options
  const names = options.datasets ?? DATASETS.filter(({ short }) => full || short).map(({ name }) => name)
  const results = await run(names, chosen(options.engines, full), options, commandLine)
  const folder = options.out ?? here('results')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'results.json'), `${JSON.stringify(results, null, 1)}\n`)
  await writeReport(results, folder)
  if (options.record) await record(results)
  console.log(`${allTables(results).map(asText).join('\n\n')}\n\n${join(folder, 'report.html')}`)
}

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** The run by its date, and its pictures in place of the last run's. */
async function record(results: Results): Promise<void> {
  await mkdir(here('records/pictures'), { recursive: true })
  const name = `${results.date.slice(0, 10)}-${args.includes('--full') ? 'full' : 'short'}.json`
  await writeFile(here(`records/${name}`), `${JSON.stringify(results)}\n`)
  for (const { name, svg } of charts(results)) await writeFile(here(`records/pictures/${name}.svg`), svg)
}

function list(): void {
  console.log('data sets (* in the short run)')
  for (const { name, about, short } of DATASETS)
    console.log(`  ${short ? '*' : ' '} ${name.padEnd(20)} ${about}`)
  console.log('engines (* in the short run)')
  for (const { name, host, packages, short } of ENGINES)
    console.log(`  ${short ? '*' : ' '} ${name.padEnd(28)} ${host.padEnd(7)} ${packages.join(' ')}`)
}

async function main(): Promise<void> {
  const options = optionsOf(args)
  if (options.help) return console.log(USAGE)
  if (options.list) return list()
  if (options.compare) {
    const [a, b] = await Promise.all(
      options.compare.map(async (path) => JSON.parse(await readFile(path, 'utf8')) as Results),
    )
    return console.log(comparisonText(compare(a!, b!)))
  }
  if (options.suite === 'founding') return founding(options)
  if (options.suite === 'generator') return generator(options, commandLine)
  if (options.suite === 'growth') return growth(options, commandLine)
  if (options.suite === 'inserts') return inserts(options)
  if (options.suite === 'steps') return steps(options, commandLine)
  if (options.suite === 'direct') return direct(options)
  return curves(options)
}

try {
  await main()
} catch (error) {
  if (!(error instanceof RangeError)) throw error
  console.error(`${error.message}\n\n${USAGE}`)
  process.exitCode = 2
}
