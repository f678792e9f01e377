/** The page that `bench/chromium.ts` opens: measures rounds of one backend when asked to. */
import { type Index, openIndex } from 'nearfield'
import type { Ask, Rates } from './rates.ts'
import { measureRates } from './rates.ts'

declare global {
  var measure: (ask: Ask) => Promise<Rates>
}

const bytes = async (path: string) => new Uint8Array(await (await fetch(path)).arrayBuffer())
let index: Index | undefined

globalThis.measure = async (ask) => {
  index ??= await openIndex(await bytes('/data/verses.nfx'), { backend: ask.backend })
  const queries = new Float32Array((await bytes('/data/queries.f32')).buffer)
  return measureRates(index, queries, ask)
}
