/**
 * Every engine there is, how to choose among them, and how one's process comes to be. What a peer needs
 * is installed under `.peers` when it is first asked for, and nowhere else.
 */
import { fileURLToPath } from 'node:url'
import { installNode, NODE_ENGINES } from '../engines/node.ts'
import { installPython, PYTHON_ENGINES } from '../engines/python.ts'
import { buildProbe, buildRust, buildSteps, RUST_ENGINES } from '../engines/rust.ts'
import type { EngineSpec } from './contract.ts'
import { EngineProcess } from './process.ts'

export const ENGINES: readonly EngineSpec[] = [...NODE_ENGINES, ...PYTHON_ENGINES, ...RUST_ENGINES]

const folder = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url))
const peers = folder('.peers')

/** The engines of these names, or whose names begin so; `undefined` for those of the short or full run. */
export function chosen(names: readonly string[] | undefined, full: boolean): EngineSpec[] {
  if (!names) return ENGINES.filter(({ short }) => full || short)
  return names.flatMap((name) => {
    const exact = ENGINES.filter((spec) => spec.name === name)
    const matching = exact.length > 0 ? exact : ENGINES.filter((spec) => spec.name.startsWith(name))
    if (matching.length === 0) {
      const known = ENGINES.map((spec) => spec.name).join(', ')
      throw new RangeError(`--engine: expected names among ${known}; received ${name}`)
    }
    return matching
  })
}

/** Python with these packages; for scripts beside the engines. */
export const python = (packages: readonly string[]) => installPython(packages, `${peers}/python`)

/** What this machine can store, and the core without a binding. */
export const startProbe = async () => new EngineProcess('probe', [await buildProbe(peers)], {})

/** Zones from a plain scan to what the core does. */
export const startSteps = async () => new EngineProcess('steps', [await buildSteps(peers)], {})

async function command(spec: EngineSpec): Promise<[string, ...string[]]> {
  switch (spec.host) {
    case 'node':
      await installNode(spec.packages, `${peers}/npm`)
      return [process.execPath, '--expose-gc', folder('engines/node/host.ts'), spec.module, `${peers}/npm`]
    case 'python':
      return [await python(spec.packages), folder('engines/python/host.py'), spec.module]
    case 'rust':
      return [await buildRust(peers), spec.module]
  }
}

/** Installs what the engine needs and starts its process. */
export async function launch(spec: EngineSpec): Promise<EngineProcess> {
  return new EngineProcess(spec.name, await command(spec), {})
}
