/**
 * Random numbers that are the same on every machine and in every engine: sfc32's 32-bit integers, and
 * from them nothing but + − × ÷. No logarithm, no cosine: their last bits are not laid down anywhere.
 */

const WARM_UP = 16
/** A sum of twelve uniforms has variance 1; each is half a word. */
const WORDS_PER_NORMAL = 6
/** The mean of that sum: twelve times the middle of 0 … 65,535. */
const SUM_MEAN = 12 * 32_767.5
const SUM_SCALE = 1 / 65_536

/** One sequence of many: equal seed and stream give equal numbers. */
export class RandomStream {
  readonly #state: Int32Array

  constructor(seed: number, stream: number) {
    this.#state = Int32Array.of(seed, stream, 0x9e3779b9, 1)
    for (let turn = 0; turn < WARM_UP; turn++) this.#word()
  }

  /** An integer from 0 to `below` − 1. */
  below(below: number): number {
    return Math.floor((this.#word() * below) / 2 ** 32)
  }

  /** Fills `out` with numbers of mean 0 and variance 1, close to normal and never beyond ±6. */
  normals(out: Float64Array): void {
    const state = this.#state
    let [a, b, c, counter] = [state[0]!, state[1]!, state[2]!, state[3]!]
    for (let at = 0; at < out.length; at++) {
      let sum = 0
      // The step of `#word`, written out: this loop makes most of a million rows' time.
      for (let half = 0; half < WORDS_PER_NORMAL; half++) {
        const word = (a + b + counter) | 0
        counter = (counter + 1) | 0
        a = b ^ (b >>> 9)
        b = (c + (c << 3)) | 0
        c = (((c << 21) | (c >>> 11)) + word) | 0
        sum += (word & 0xffff) + (word >>> 16)
      }
      out[at] = (sum - SUM_MEAN) * SUM_SCALE
    }
    state[0] = a
    state[1] = b
    state[2] = c
    state[3] = counter
  }

  /** One step of sfc32: 0 … 2³² − 1. */
  #word(): number {
    const state = this.#state
    const [a, b, c, counter] = [state[0]!, state[1]!, state[2]!, state[3]!]
    const word = (a + b + counter) | 0
    state[0] = b ^ (b >>> 9)
    state[1] = c + (c << 3)
    state[2] = ((c << 21) | (c >>> 11)) + word
    state[3] = counter + 1
    return word >>> 0
  }
}
