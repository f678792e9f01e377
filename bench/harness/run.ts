/** One measurement a data set, one after the other, put together as results. */
import { prepare } from '../data/catalogue.ts'
import { firstQueries } from '../data/first.ts'
import { loadDataset, recallOf } from '../data/recall.ts'
import type { DatasetResult, EngineSpec, Results } from './contract.ts'
import { launch } from './engines.ts'
import { ran } from './machine.ts'
import { type LeftOut, Measurement, type RecallOf } from './measure.ts'
import { fitting, type Options } from './options.ts'
import { tieToQuickest, untie } from './processors.ts'
import { Progress } from './progress.ts'

export async function run(
  names: readonly string[],
  engines: readonly EngineSpec[],
  options: Options,
  command: string,
): Promise<Results> {
  const { protocol } = options
  const progress = new Progress()
  const datasets: DatasetResult[] = []
  const leftOut: LeftOut[] = []
  for (const [at, name] of names.entries()) {
    progress.begin(names.length > 1 ? `${name} (${at + 1} of ${names.length})` : name)
    progress.say(`preparing ${name}`)
    const dataset = await firstQueries(await prepare(name), protocol.queries)
    const loaded = await loadDataset(dataset)
    const recall: RecallOf = (slots, k) => recallOf(loaded, slots, k)
    const placing = { tieToQuickest, untie }
    const measurement = new Measurement(dataset, recall, fitting(options, dataset), progress, placing)
    datasets.push(await measurement.run(engines, launch))
    leftOut.push(...measurement.leftOut)
  }
  progress.end()
  return {
    ...ran(command),
    k: protocol.k,
    rounds: protocol.rounds,
    reference: protocol.reference,
    datasets,
    leftOut,
  }
}
