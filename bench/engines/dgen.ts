/** dgen-py, the generator that ours is measured beside: no engine, but a process of the same manner. */
import { fileURLToPath } from 'node:url'
import { python } from '../harness/engines.ts'
import { EngineProcess } from '../harness/process.ts'

export const DGEN = 'dgen-py==0.3.0'
const HOST = fileURLToPath(new URL('python/dgen.py', import.meta.url))

/** The peer, or why it is left out. Its threads are those of its first request for as long as it lives. */
export async function startDgen(): Promise<EngineProcess | string> {
  try {
    return new EngineProcess('dgen-py', [await python([DGEN]), HOST], {})
  } catch (error) {
    return `left out: ${(error as Error).message}`
  }
}
