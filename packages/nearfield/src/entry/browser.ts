/** Browsers: WebAssembly in a worker, with threads where the page is cross-origin isolated. */
import { nearfield } from '../api/nearfield.ts'
import { webHost } from '../hosts/web.ts'

export * from '../api/nearfield.ts'
export const { buildIndex, createIndex, openIndex, Generator, generateVectors, generateRows, capabilities } =
  nearfield(webHost())
export type Generator = InstanceType<typeof Generator>
