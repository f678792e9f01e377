/**
 * Which backend answers: the kinds in order of speed, the first that loads. What failed on the way is
 * kept and told (`index.backend.why`), a forced kind that cannot load is an error with its cause.
 *
 *   (kind, threads) ──▶ one promise of a backend ──▶ shared by every index of the process
 *                         └ forgotten when loading fails or the backend dies, so the next call retries
 */
import { NearfieldError } from '../api/errors.ts'
import type { BackendChoice } from '../api/options.ts'
import type { Backend, BackendInfo, BackendKind } from '../backend.ts'
import type { Loader } from './loader.ts'
import { typed } from './methods.ts'

export interface Candidate {
  readonly kind: BackendKind
  readonly load: Loader
}

export interface Chosen {
  readonly backend: Backend
  /** The backend's own, with `why` telling what was passed over. */
  readonly info: BackendInfo
}

export class Choices {
  readonly #candidates: readonly Candidate[]
  readonly #loading = new Map<string, Promise<Backend>>()
  /** What of it has loaded. */
  readonly #ready = new Map<string, Chosen>()

  /** Best first. */
  constructor(candidates: readonly Candidate[]) {
    this.#candidates = candidates
  }

  get kinds(): readonly BackendKind[] {
    return this.#candidates.map(({ kind }) => kind)
  }

  /** What {@link choose} would give, where it is loaded and nothing better was passed over. */
  ready(wanted: BackendChoice, threads: number): Chosen | undefined {
    const kind = wanted === 'auto' ? this.#candidates[0]?.kind : wanted
    return this.#ready.get(`${kind}:${threads}`)
  }

  /** `threads` 0 means all. */
  async choose(wanted: BackendChoice, threads: number): Promise<Chosen> {
    if (wanted !== 'auto') return this.#forced(wanted, threads)
    const passed: { kind: BackendKind; cause: unknown }[] = []
    for (const { kind } of this.#candidates) {
      try {
        const backend = await this.#load(kind, threads)
        const reasons = [...passed.map(describe), backend.info.why].filter((why) => why !== '')
        return { backend, info: Object.freeze({ ...backend.info, why: reasons.join('; ') }) }
      } catch (cause) {
        passed.push({ kind, cause })
      }
    }
    const causes = passed.map(({ cause }) => cause)
    throw new NearfieldError('BACKEND', `no backend could be loaded: ${passed.map(describe).join('; ')}`, {
      cause: causes.length === 1 ? causes[0] : new AggregateError(causes),
    })
  }

  async #forced(kind: BackendKind, threads: number): Promise<Chosen> {
    if (!this.kinds.includes(kind)) {
      throw new NearfieldError(
        'BACKEND',
        `there is no ${kind} backend here; there are ${this.kinds.join(', ')}`,
      )
    }
    try {
      const backend = await this.#load(kind, threads)
      return { backend, info: Object.freeze({ ...backend.info }) }
    } catch (cause) {
      throw new NearfieldError('BACKEND', `the ${kind} backend could not be loaded: ${reason(cause)}`, {
        cause,
      })
    }
  }

  #load(kind: BackendKind, threads: number): Promise<Backend> {
    const name = `${kind}:${threads}`
    const known = this.#loading.get(name)
    if (known) return known
    const { load } = this.#candidates.find((candidate) => candidate.kind === kind)!
    const forget = () => {
      if (this.#loading.get(name) !== loading) return
      this.#loading.delete(name)
      this.#ready.delete(name)
    }
    const loading: Promise<Backend> = load(threads, forget).then((backend) =>
      limited(typed(backend, forget), threads),
    )
    this.#loading.set(name, loading)
    loading.then((backend) => {
      if (this.#loading.get(name) === loading)
        this.#ready.set(name, { backend, info: Object.freeze({ ...backend.info }) })
    }, forget)
    return loading
  }
}

/** One addon serves every number of threads; the number then goes with each call. */
function limited(backend: Backend, threads: number): Backend {
  if (threads === 0 || backend.info.threads <= threads) return backend
  return { ...backend, info: { ...backend.info, threads } }
}

function describe({ kind, cause }: { kind: BackendKind; cause: unknown }): string {
  return `no ${kind} (${reason(cause)})`
}

/** The sentence without the codes it crossed boundaries with. */
function reason(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause)
  return text.replace(/^(?:[A-Z_]+: )+/, '')
}
