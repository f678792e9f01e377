/** What this place can do: each kind of backend is really loaded, so the answer is no guess. */
import type { BackendKind } from '../backend.ts'
import { parseError } from './errors.ts'
import type { Host } from './host.ts'

export interface Capabilities {
  /** Best first; `why` says what it runs on, or what is missing. */
  readonly backends: readonly {
    readonly kind: BackendKind
    readonly available: boolean
    readonly why: string
  }[]
  /** Instruction set of the best backend. */
  readonly simd: string
  /** Threads of the best backend. */
  readonly threads: number
  /** Whether memory can be shared between threads; true outside browsers. */
  readonly crossOriginIsolated: boolean
  /** One sentence: what `backend: 'auto'` gives here and why. */
  readonly why: string
}

export async function capabilities(host: Host): Promise<Capabilities> {
  const backends = await Promise.all(
    host.choices.kinds.map(async (kind) => {
      try {
        const { info } = await host.choices.choose(kind, 0)
        return { kind, available: true, why: info.why }
      } catch (error) {
        return { kind, available: false, why: parseError(error).message }
      }
    }),
  )
  const isolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated ?? true
  const best = backends.find(({ available }) => available)
  if (!best)
    return {
      backends,
      simd: 'none',
      threads: 0,
      crossOriginIsolated: isolated,
      why: 'no backend can be loaded',
    }
  const { info } = await host.choices.choose('auto', 0)
  return {
    backends,
    simd: info.simd,
    threads: info.threads,
    crossOriginIsolated: isolated,
    why: `${info.kind}: ${info.why}`,
  }
}
