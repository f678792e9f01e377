/**
 * Which processors a measurement runs on. A process of one thread stays where the system started it, and of a virtual
 * machine's processors one may share its core with a stranger for minutes, at two thirds of its speed: so sides of
 * one thread are tied to one processor, the same for all of them.
 *
 * Invariant: where the system cannot tie, nothing is tied and `PROCESSORS` is empty.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { pid as ownPid, platform } from 'node:process'
import type { EngineProcess } from './process.ts'

/** Those that this process may run on, as it was started. */
export const PROCESSORS: readonly number[] = allowed()

/** Seconds of some work on one thread, on the processor that is tied to. */
type Work = () => Promise<number>

const TRIALS = 3

/** Ties these and the calling thread to the processor that does this work quickest now. */
export async function tieToQuickest(engines: readonly EngineProcess[], work: Work): Promise<void> {
  const best = new Map<number, number>()
  for (let trial = 0; trial < TRIALS; trial++) {
    for (const processor of PROCESSORS) {
      tie([processor], engines)
      best.set(processor, Math.min(best.get(processor) ?? Number.POSITIVE_INFINITY, await work()))
    }
  }
  const quickest = [...best].sort(([, a], [, b]) => a - b)[0]
  if (quickest) tie([quickest[0]], engines)
}

/** To all processors again, with every thread that was started meanwhile. */
export function untie(engines: readonly EngineProcess[]): void {
  tie(PROCESSORS, engines)
}

function tie(processors: readonly number[], engines: readonly EngineProcess[]): void {
  if (processors.length === 0) return
  // Of this process the calling thread alone, whose number is the process's: others free memory meanwhile.
  taskset(processors.length === PROCESSORS.length ? '-acp' : '-cp', processors, ownPid)
  for (const { pid } of engines) if (pid !== undefined) taskset('-acp', processors, pid)
}

function taskset(how: '-cp' | '-acp', processors: readonly number[], pid: number): boolean {
  return spawnSync('taskset', [how, processors.join(','), `${pid}`]).status === 0
}

function allowed(): number[] {
  if (platform !== 'linux') return []
  const list = readFileSync('/proc/self/status', 'utf8').match(/^Cpus_allowed_list:\s*(\S+)$/m)?.[1] ?? ''
  const processors = list.split(',').flatMap((range) => {
    const [first = Number.NaN, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, at) => first + at)
  })
  return taskset('-acp', processors, ownPid) ? processors : []
}
