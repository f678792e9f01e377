/**
 * The names of `Backend`'s methods at run time, derived from its type: a method missing here or one
 * too many does not compile. `typed` puts the one error class in front of a backend.
 */
import { parseError } from '../api/errors.ts'
import type { Backend } from '../backend.ts'

type AnyMethod = (...args: never[]) => Promise<unknown>

/** Every method of `Backend` that can be called from another thread. */
export type Methods = {
  readonly [K in keyof Backend as Backend[K] extends AnyMethod ? K : never]: Backend[K]
}
export type MethodName = keyof Methods

const NAMES: { readonly [K in MethodName]: true } = {
  buildBegin: true,
  buildStep: true,
  buildFinish: true,
  buildDrop: true,
  create: true,
  addBegin: true,
  addStep: true,
  addFinish: true,
  addDrop: true,
  freeze: true,
  openBegin: true,
  openWrite: true,
  openFinish: true,
  openDrop: true,
  importBegin: true,
  importMapped: true,
  openMapped: true,
  describe: true,
  keys: true,
  search: true,
  searchBatch: true,
  explain: true,
  readFile: true,
  exportBytes: true,
  readExport: true,
  check: true,
  lendStage: true,
  drop: true,
  generatorOpen: true,
  generatorPlacing: true,
  generatorFill: true,
  generatorMake: true,
  generatorRoom: true,
  generatorFillRoom: true,
  generatorDrop: true,
  datasetOpen: true,
  datasetFill: true,
  datasetMake: true,
  datasetStep: true,
  datasetTruth: true,
  datasetBuild: true,
  datasetDrop: true,
  shutdown: true,
}
export const METHOD_NAMES = Object.keys(NAMES) as readonly MethodName[]

/** How a WebAssembly backend says that its instance trapped and answers no more. */
export const STOPPED = 'the WebAssembly module stopped'

/** True when no later call on this backend can succeed. */
export function isFatal(error: unknown): boolean {
  return error instanceof WebAssembly.RuntimeError || parseError(error).message.startsWith(STOPPED)
}

/** The same backend with every failure a `NearfieldError`; `died` hears of the fatal ones. */
export function typed(backend: Backend, died: (cause: unknown) => void): Backend {
  const fail = (error: unknown): never => {
    if (isFatal(error)) died(error)
    throw parseError(error)
  }
  const methods: Partial<Record<MethodName, unknown>> = {}
  for (const name of METHOD_NAMES) {
    const method = backend[name] as (...args: unknown[]) => Promise<unknown>
    methods[name] = (...args: unknown[]) => {
      try {
        return method.apply(backend, args).catch(fail)
      } catch (error) {
        return Promise.reject(error).catch(fail)
      }
    }
  }
  const { sync, lent } = backend
  const guarded =
    <A extends unknown[]>(call: (...args: A) => number) =>
    (...args: A): number => {
      try {
        return call(...args)
      } catch (error) {
        return fail(error)
      }
    }
  const typedSync = sync && {
    searchInto: guarded(sync.searchInto),
    generatorFill: guarded(sync.generatorFill),
    generatorFillRoom: guarded(sync.generatorFillRoom),
  }
  return { ...(methods as Methods), info: backend.info, sync: typedSync, lent }
}
