/**
 * What a case is and how a list of them is run, the same in Node, Deno, Bun, Chromium and Firefox:
 * nothing here or in `cases/` imports anything of a runtime. A case gets an {@link Env} and throws.
 *
 *   cases/*.ts ─▶ suite.ts ◀── host.ts (Node, Deno, Bun)      one JSON line a case on stdout
 *                          ◀── page.ts (browsers)             the same lines by POST
 *   driver.ts starts them all and carries the files of one to the others
 */
import type { BackendKind } from 'nearfield'

export type Nearfield = typeof import('nearfield')

/** Bytes by name, shared by every runtime of one run: what one writes the others read. */
export interface Exchange {
  list(): Promise<readonly string[]>
  read(name: string): Promise<Uint8Array>
  write(name: string, bytes: Uint8Array): Promise<void>
}

/** Files by path; only where the runtime has them. */
export interface Disk {
  path(name: string): string
  read(path: string): Promise<Uint8Array>
  write(path: string, bytes: Uint8Array): Promise<void>
  list(): Promise<readonly string[]>
}

export interface Env {
  readonly nearfield: Nearfield
  readonly runtime: string
  readonly backend: BackendKind
  /** The instruction set the run prefers (NEARFIELD_ISA), where it does. */
  readonly isa: string | null
  readonly exchange: Exchange
  readonly disk: Disk | null
  /** Makes the backend fail on purpose: `panic`, `pool-panic` or `trap`. */
  fault(kind: 'panic' | 'pool-panic' | 'trap'): Promise<void>
  /** Only in a page that can search in its worker's memory. */
  readonly page: PageProbe | null
}

/** What a page did by itself, seen past the public API, which does not tell. */
export interface PageProbe {
  /** Searches sent to workers so far. */
  searchesSent(): number
  /** The next search on the page's own thread traps. */
  trapNext(): void
}

export interface Case {
  readonly name: string
  /** Left out, and not counted, where it answers false: a case about files needs files. */
  readonly when?: (env: Env) => boolean
  readonly run: (env: Env) => Promise<void>
}

export interface Outcome {
  readonly case: string
  readonly ok: boolean
  readonly ms: number
  readonly error?: string
}

const CASE_MS_MAX = 60_000

/** Runs every case that applies, one after the other, and tells each outcome as it is known. */
export async function runCases(
  cases: readonly Case[],
  env: Env,
  tell: (outcome: Outcome) => void,
): Promise<void> {
  for (const { name, when, run } of cases) {
    if (when?.(env) === false) continue
    const started = performance.now()
    let error: string | undefined
    try {
      await within(CASE_MS_MAX, run(env))
    } catch (cause) {
      error = cause instanceof Error ? (cause.stack ?? String(cause)) : String(cause)
      if (cause instanceof Error && !error.includes(cause.message)) error = `${cause.message}\n${error}`
    }
    const ms = Math.round(performance.now() - started)
    tell(error === undefined ? { case: name, ok: true, ms } : { case: name, ok: false, ms, error })
  }
}

/** A hang is a failure with a name, not a silent end of the run. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, refuse) => {
    timer = setTimeout(() => refuse(new Error(`expected an end within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
