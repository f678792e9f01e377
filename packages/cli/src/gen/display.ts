/**
 * What is to be seen while bytes are on their way: one line with a bar and GB/s, on standard error, for
 * standard output may be the bytes themselves. Without a terminal there nothing is to be seen until the end.
 */
import { DefaultRenderer, Listr, ProcessOutput } from 'listr2'
import { sizeText } from '../sizes.ts'

const BAR_CHARACTERS = 24
/** A terminal shows no more than about ten changes a second. */
const SHOWN_EVERY_MS = 100
/** The rate is that of so long. */
const RATE_MS = 2000

/** How far it is, and how fast lately. */
export class Meter {
  readonly #from: number
  readonly #until: number
  readonly #clock: () => number
  readonly #started: number
  /** Times and positions, the last `RATE_MS` of them. */
  #marks: (readonly [ms: number, position: number])[]

  constructor(from: number, until: number, clock: () => number = () => performance.now()) {
    this.#from = from
    this.#until = until
    this.#clock = clock
    this.#started = clock()
    this.#marks = [[this.#started, from]]
  }

  get seconds(): number {
    return (this.#clock() - this.#started) / 1000
  }

  mark(position: number): void {
    const now = this.#clock()
    const old = this.#marks.findLastIndex(([ms]) => ms < now - RATE_MS)
    this.#marks = [...this.#marks.slice(Math.max(0, old)), [now, position]]
  }

  /** Bytes a second, of late. */
  get rate(): number {
    const [first, last] = [this.#marks[0]!, this.#marks.at(-1)!]
    return ((last[1] - first[1]) / Math.max(1, last[0] - first[0])) * 1000
  }

  text(): string {
    const position = this.#marks.at(-1)![1]
    const share = this.#until === this.#from ? 1 : (position - this.#from) / (this.#until - this.#from)
    const full = Math.floor(share * BAR_CHARACTERS)
    const bar = '█'.repeat(full) + '░'.repeat(BAR_CHARACTERS - full)
    const { rate } = this
    const left = rate > 0 ? `  ${timeText((this.#until - position) / rate)} left` : ''
    const percent = `${Math.floor(share * 100)} %`.padStart(5)
    return `${bar} ${percent}  ${sizeText(position)} of ${sizeText(this.#until)}  ${rateText(rate)}${left}`
  }
}

export const rateText = (bytesPerSecond: number) => `${(bytesPerSecond / 1e9).toFixed(2)} GB/s`

export function timeText(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 120) return `${Math.round(seconds)} s`
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`
}

/** Listr's own looks at standard output to learn whether there is a terminal. */
class OnStandardError extends DefaultRenderer {
  static override nonTTY = true
}

/** Runs `body` with a line of progress, where there is a terminal to show one. */
export async function displayed<T>(
  title: string,
  shown: boolean,
  meter: Meter,
  body: (report: (position: number) => void) => Promise<T>,
): Promise<T> {
  if (!shown || !process.stderr.isTTY) return body((position) => meter.mark(position))
  let result: { readonly value: T } | undefined
  const task = {
    title,
    task: async (_: unknown, line: { output: string }) => {
      let last = 0
      const value = await body((position) => {
        meter.mark(position)
        const now = performance.now()
        if (now - last < SHOWN_EVERY_MS) return
        last = now
        line.output = meter.text()
      })
      result = { value }
    },
    rendererOptions: { outputBar: 1, persistentOutput: false },
  }
  await new Listr([task], {
    renderer: OnStandardError,
    rendererOptions: {
      processOutput: new ProcessOutput(process.stderr, process.stderr),
      collapseErrors: false,
      showErrorMessage: false,
    },
    registerSignalListeners: false,
  } as never).run()
  return result!.value
}
