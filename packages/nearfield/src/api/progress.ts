/**
 * Progress and cancelling, in one place for everything long. Work is cut into bounded steps; between
 * two steps a {@link Meter} reports, lets the event loop turn (so that an abort can arrive even when
 * the work ran on this very thread) and looks at the signal.
 */
import type { Phase as BuildPhase } from '../backend.ts'

/** Building or taking a file over (`prepare`, `encode`, `part`, `link`, `repair`, `done`), opening, saving, answering a batch. */
export type Phase = BuildPhase | 'read' | 'write' | 'search'

/** How far a call is. `done` never falls within a phase. */
export interface Progress {
  readonly phase: Phase
  /** Rows, queries (`search`; of `tune`: measurements) or bytes (`read`, `write`) finished in this phase. */
  readonly done: number
  readonly total: number
  /** Rows or queries a second in this phase, once measurable. */
  readonly rowsPerSecond?: number
  /** At this speed, until the phase ends. */
  readonly secondsLeft?: number
}

/** Accepted by every long call. */
export interface RunOptions {
  /** Rejects the call with `signal.reason`. */
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /** Threads to use; all of the machine's when left out. */
  readonly threads?: number | undefined
}

/** Longest time the event loop is kept waiting by steps that ran on this thread. */
const TURN_MS_MAX = 10

export class Meter {
  readonly #signal: AbortSignal | undefined
  readonly #report: ((progress: Progress) => void) | undefined
  #phase: Phase | undefined
  #phaseStarted = 0
  #doneMax = 0
  #turned = performance.now()

  constructor({ signal, onProgress }: RunOptions) {
    this.#signal = signal
    this.#report = onProgress
    signal?.throwIfAborted()
  }

  /** After a step: reports, yields where it is time to, throws `signal.reason` when aborted. */
  async step(phase: Phase, done: number, total: number): Promise<void> {
    const now = performance.now()
    if (phase !== this.#phase) {
      this.#phase = phase
      this.#phaseStarted = this.#turned
      this.#doneMax = 0
    }
    this.#doneMax = Math.min(total, Math.max(this.#doneMax, done))
    this.#report?.(this.#progress(phase, total, (now - this.#phaseStarted) / 1000))
    if (now - this.#turned > TURN_MS_MAX) {
      await turnOfTheLoop()
      this.#turned = performance.now()
    }
    this.#signal?.throwIfAborted()
  }

  /** A meter for work inside a step: it yields and aborts as this one and reports nothing. */
  quiet(): Meter {
    return new Meter({ signal: this.#signal })
  }

  /** Throws `signal.reason` when aborted. */
  check(): void {
    this.#signal?.throwIfAborted()
  }

  #progress(phase: Phase, total: number, seconds: number): Progress {
    const done = this.#doneMax
    if (done === 0 || seconds <= 0 || phase === 'done') return { phase, done, total }
    const rate = done / seconds
    const secondsLeft = (total - done) / rate
    const inBytes = phase === 'read' || phase === 'write'
    return inBytes
      ? { phase, done, total, secondsLeft }
      : { phase, done, total, rowsPerSecond: rate, secondsLeft }
  }
}

/** One whole turn, not a microtask: timers, messages and signals get their chance. */
export function turnOfTheLoop(): Promise<void> {
  const immediate = (globalThis as { setImmediate?: (done: () => void) => unknown }).setImmediate
  if (immediate) return new Promise((done) => void immediate(done))
  return new Promise((done) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      done()
    }
    port2.postMessage(null)
  })
}
