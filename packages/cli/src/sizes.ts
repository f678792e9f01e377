/**
 * Sizes as people write them: `100GB`, `1.5 TiB`, `4096`. KB, MB, … are powers of 1,000 and KiB, MiB, …
 * powers of 1,024, in any case; a lone K or M says neither and is refused.
 */
import { wrong } from './failure.ts'

const UNITS = new Map([['B', 1n]])
for (const [at, letter] of [...'KMGTP'].entries()) {
  UNITS.set(`${letter}B`, 1000n ** BigInt(at + 1))
  UNITS.set(`${letter}iB`, 1024n ** BigInt(at + 1))
}
const BY_LOWER_CASE = new Map([...UNITS].map(([name, bytes]) => [name.toLowerCase(), bytes]))

/** Whole bytes of `text`, exactly; `name` is the option it was given for. */
export function parseSize(name: string, text: string): number {
  const parts = /^\s*(\d+)(?:\.(\d+))?\s*([a-z]*)\s*$/i.exec(text)
  if (!parts)
    throw wrong(`--${name}: expected a size as 100GB, 1.5TiB or 4096, received ${JSON.stringify(text)}`)
  const [, whole, fraction = '', unit] = parts
  const bytes = unit === '' ? 1n : BY_LOWER_CASE.get(unit!.toLowerCase())
  if (bytes === undefined)
    throw wrong(`--${name}: unknown unit ${unit}, expected one of ${[...UNITS.keys()].join(', ')}`)
  const scaled = BigInt(whole! + fraction) * bytes
  const one = 10n ** BigInt(fraction.length)
  if (scaled % one !== 0n) throw wrong(`--${name}: ${text.trim()} is not a whole number of bytes`)
  const size = scaled / one
  if (size > BigInt(Number.MAX_SAFE_INTEGER))
    throw wrong(`--${name}: expected less than 2^53 bytes, received ${text.trim()}`)
  return Number(size)
}

const SHOWN = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'] as const

/** To three digits: `42.1 GB`. */
export function sizeText(bytes: number): string {
  let [value, at] = [bytes, 0]
  while (at < SHOWN.length - 1 && value >= 999.5) {
    value /= 1000
    at++
  }
  return `${at === 0 ? Math.round(value) : threeDigits(value)} ${SHOWN[at]}`
}

const threeDigits = (value: number) => String(Number(value.toPrecision(3)))

/** Bytes with their thousands apart, for offsets. */
export const bytesText = (bytes: number) => `${bytes.toLocaleString('en')} bytes`
