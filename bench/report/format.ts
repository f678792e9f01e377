/**
 * Numbers as people read them: three significant digits, thousands separators, a unit where there is one.
 * Pictures, tables and comparisons all write with these, so that a figure looks the same everywhere.
 */
import type { Spread } from '../harness/contract.ts'

/** Where an engine has no figure. */
export const NONE = '—'

const THREE = new Intl.NumberFormat('en-US', { minimumSignificantDigits: 3, maximumSignificantDigits: 3 })
const WHOLE = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** `12,300`, `87.3`, `0.0123`. */
export const digits = (value: number): string => (value === 0 ? '0' : THREE.format(value))

/** `31,102`: counts that are exact. */
export const whole = (value: number): string => WHOLE.format(value)

/** `2.50`, `0.97`, `12.3`: two decimals, as ratios near 1 are what one looks at. */
export const ratio = (value: number): string =>
  value < 0.0995 ? value.toPrecision(2) : value < 9.995 ? value.toFixed(2) : digits(value)

/** `0.95`, `0.999`: as written by whoever asked for it, two decimals at least. */
export const recall = (value: number): string => {
  const shortest = String(Number(value.toFixed(4)))
  return (shortest.split('.')[1]?.length ?? 0) < 2 ? value.toFixed(2) : shortest
}

export const seconds = (value: number): string =>
  value < 0.9995 ? `${digits(value * 1000)} ms` : `${digits(value)} s`

export const micros = (value: number): string =>
  value < 999.5 ? `${digits(value)} µs` : `${digits(value / 1000)} ms`

export const MIB = 2 ** 20

export const bytes = (value: number): string => {
  if (value < 1024) return `${whole(value)} B`
  if (value < MIB) return `${digits(value / 1024)} KiB`
  return value < 1000 * MIB ? `${digits(value / MIB)} MiB` : `${digits(value / 2 ** 30)} GiB`
}

/** `12,300 (11,900–12,800)`, `4.12 s (3.92–4.26)`; one round has no spread to show. */
export const spreadOf = (spread: Spread | undefined, write: (value: number) => string): string => {
  if (!spread) return NONE
  const { median, min, max } = spread
  if (min === max) return write(median)
  const [middle, low, high] = [median, min, max].map((value) => write(value).split(' '))
  const sameUnit = low![1] === middle![1] && high![1] === middle![1]
  const [from, to] = sameUnit ? [low![0], high![0]] : [low!.join(' '), high!.join(' ')]
  return `${middle!.join(' ')} (${from}–${to})`
}

/** `+12.3 %`. */
export const percent = (share: number): string =>
  `${share < 0 ? '−' : '+'}${Math.abs(share * 100).toFixed(1)} %`

export const threads = (count: number): string => `${count} ${count === 1 ? 'thread' : 'threads'}`

/** `2026-03-01 12:00 UTC`. */
export const moment = (iso: string): string => `${iso.slice(0, 16).replace('T', ' ')} UTC`

/** Text between tags or in a quoted attribute. */
export const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
