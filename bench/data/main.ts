/**
 * Prepares datasets and says what they are.
 *
 *   node bench/data/main.ts [names or files …] [--metric cosine] [--queries file]
 *   node bench/data/main.ts --list
 *
 * Without names, those of the short run. Exit status: 0 done, 1 failed.
 */

import { parseArgs } from 'node:util'
import { METRICS } from '../harness/contract.ts'
import { DATASETS, prepare } from './catalogue.ts'
import type { Progress } from './store.ts'

const STATUS_INTERVAL_MS = 100

function list(): void {
  for (const { name, metric, about, short } of DATASETS) {
    console.log(`${name.padEnd(18)} ${metric.padEnd(6)} ${short ? 'short' : '     '}  ${about}`)
  }
}

/** One line that is written over, on a terminal only. */
function makeStatus(name: string): { show(progress: Progress): void; clear(): void } {
  if (!process.stderr.isTTY) return { show: () => {}, clear: () => {} }
  let shown = 0
  const write = (text: string) => process.stderr.write(`\r\x1b[K${text}`)
  return {
    show({ phase, done, total }) {
      if (performance.now() - shown < STATUS_INTERVAL_MS) return
      shown = performance.now()
      write(`${name}: ${phase} ${Math.floor((100 * done) / total)} %`)
    },
    clear: () => void write(''),
  }
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      list: { type: 'boolean', default: false },
      metric: { type: 'string' },
      queries: { type: 'string' },
    },
  })
  if (values.list) return list()
  const metric = METRICS.find((each) => each === values.metric)
  if (values.metric !== undefined && !metric) {
    throw new Error(`--metric: expected one of ${METRICS.join(', ')}, received '${values.metric}'`)
  }
  const short = DATASETS.filter((each) => each.short).map(({ name }) => name)
  for (const name of positionals.length > 0 ? positionals : short) {
    const started = performance.now()
    const status = makeStatus(name)
    const dataset = await prepare(name, { metric, queries: values.queries, onProgress: status.show })
    status.clear()
    const { rows, dim, queries } = dataset
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    console.log(
      `${dataset.name.padEnd(18)} ${rows.toLocaleString('en')} × ${dim}, ${dataset.metric}, ` +
        `${queries.toLocaleString('en')} queries, ${seconds} s`,
    )
  }
}

try {
  await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
