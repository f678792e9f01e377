/** A bar with the time left, on a terminal; a line now and then elsewhere. */

const WIDTH = 24
/** Between two lines where there is no terminal. */
const LINE_MS_MIN = 30_000

export class Progress {
  readonly #out = process.stderr
  #title = ''
  #started = performance.now()
  #total = 0
  #done = 0
  #spoke = performance.now()

  /** Another data set: the bar is about one at a time, since the next one's work is not known yet. */
  begin(title: string): void {
    this.#title = title
    this.#started = performance.now()
    this.#total = 0
    this.#done = 0
  }

  /** More work became known, in seconds as far as they can be guessed. */
  expect(seconds: number): void {
    this.#total += seconds
  }

  /** Work that was expected is done. */
  advance(seconds: number, what: string): void {
    this.#done = Math.min(this.#total, this.#done + seconds)
    this.#show(what)
  }

  /** A line that stays. */
  say(line: string): void {
    if (this.#out.isTTY) this.#out.write('\r\x1b[2K')
    this.#out.write(`${line}\n`)
  }

  end(): void {
    if (this.#out.isTTY) this.#out.write('\r\x1b[2K')
  }

  #show(what: string): void {
    const share = this.#total > 0 ? this.#done / this.#total : 0
    const elapsed = (performance.now() - this.#started) / 1000
    const left = share > 0.02 ? clock((elapsed * (1 - share)) / share) : '…'
    const text = `${this.#title}: ${Math.floor(share * 100)} %, ${left} left  ${what}`
    if (this.#out.isTTY) {
      const filled = Math.round(share * WIDTH)
      this.#out.write(`\r\x1b[2K${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)} ${text}`)
    } else if (performance.now() - this.#spoke > LINE_MS_MIN) {
      this.#spoke = performance.now()
      this.#out.write(`${text}\n`)
    }
  }
}

function clock(seconds: number): string {
  const whole = Math.round(seconds)
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`
}
