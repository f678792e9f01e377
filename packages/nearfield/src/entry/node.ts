/** Node: the native addon, else WebAssembly in this process. */
import { nearfield } from '../api/nearfield.ts'
import { nodeHost } from '../hosts/node.ts'

export * from '../api/nearfield.ts'
export const { buildIndex, createIndex, openIndex, Generator, generateVectors, generateRows, capabilities } =
  nearfield(nodeHost())
export type Generator = InstanceType<typeof Generator>
