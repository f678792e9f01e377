/** The page that `bench/chromium.ts` opens: measures rounds of one backend when asked to. */
import { type BuildOptions, type Index, openIndex } from 'nearfield'
import { type Ask, measureRates, type Rates, timeBuild } from './rates.ts'

declare global {
  var measure: (ask: Ask) => Promise<Rates>
  var build: (options: BuildOptions) => Promise<number>
}

const fetched = async (path: string) => (await fetch(path)).arrayBuffer()
const floats = async (path: string) => new Float32Array(await fetched(path))
const indexes = new Map<Ask['isa'], Index>()

globalThis.measure = async (ask) => {
  const { isa } = ask
  const index =
    indexes.get(isa) ??
    (await openIndex(new Uint8Array(await fetched('/data/verses.nfx')), { backend: 'wasm-threads', isa }))
  indexes.set(isa, index)
  return measureRates(index, await floats('/data/queries.f32'), ask)
}

globalThis.build = async (options) =>
  timeBuild(await floats('/data/vectors.f32'), { ...options, backend: 'wasm-threads' })
