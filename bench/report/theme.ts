/**
 * How the pictures look: a light and a dark theme, and each engine's colour, mark and dashes.
 *
 * Invariants: a family has one colour in every picture of a run; engines of one colour differ in mark and
 * dashes. Colours are told apart with any of the usual colour blindnesses, or by marks and labels where
 * there are more families than such colours. Only nearfield is drawn thick.
 */
import type { Results } from '../harness/contract.ts'

export const OWN_FAMILY = 'nearfield'
export const FONT = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif"

export interface Theme {
  readonly name: 'light' | 'dark'
  readonly background: string
  readonly text: string
  readonly muted: string
  readonly grid: string
  readonly own: string
  /** A seat a family. */
  readonly families: readonly string[]
}

export const THEMES: readonly Theme[] = [
  {
    name: 'light',
    background: '#ffffff',
    text: '#1f2328',
    muted: '#59636e',
    grid: '#d9dee3',
    own: '#d55e00',
    families: [
      '#0072b2',
      '#009e73',
      '#aa4499',
      '#b08900',
      '#332288',
      '#3a9fd8',
      '#882255',
      '#6b7178',
      '#777a12',
    ],
  },
  {
    name: 'dark',
    background: '#0d1117',
    text: '#e6edf3',
    muted: '#9198a1',
    grid: '#2b323b',
    own: '#ff8b3d',
    families: [
      '#58a6e8',
      '#2fc496',
      '#dd8bd0',
      '#e3c34b',
      '#a79bff',
      '#9adcff',
      '#e76f91',
      '#b3bac2',
      '#bcc05a',
    ],
  },
]

/** Families that keep their colour whichever engines a run has; others take what is left, by name. */
const SEATS = ['hnswlib', 'faiss', 'usearch', 'svs', 'rabitqlib', 'voyager', 'vsag', 'zvec', 'hnsw_rs']
const MARKS = ['circle', 'square', 'triangle', 'diamond', 'star', 'cross', 'wye'] as const
const DASHES = ['none', '6 3', '2 3', '9 3 2 3', '4 2 1 2']

export interface Look {
  readonly own: boolean
  readonly colour: string
  readonly mark: (typeof MARKS)[number]
  readonly dashes: string
}

/** A colour for each family but nearfield. With more families than colours, some share one. */
function seatsOf(families: readonly string[], count: number): ReadonlyMap<string, number> {
  const seats = new Map<string, number>()
  for (const family of families) if (SEATS.includes(family)) seats.set(family, SEATS.indexOf(family) % count)
  const taken = new Set(seats.values())
  const all = Array.from({ length: count }, (_, seat) => seat)
  const free = [...all.filter((seat) => !taken.has(seat)), ...all]
  const others = families.filter((family) => !seats.has(family)).sort()
  others.forEach((family, at) => {
    seats.set(family, free[at % free.length]!)
  })
  return seats
}

/** The look of every engine of a run, by name. */
export function looks(results: Results, theme: Theme): ReadonlyMap<string, Look> {
  const engines = new Map<string, string>()
  for (const dataset of results.datasets)
    for (const { name, family } of dataset.engines) engines.set(name, family)
  const families = [...new Set(engines.values())].filter((family) => family !== OWN_FAMILY)
  const seats = seatsOf(families, theme.families.length)
  const drawn = new Map<string, number>()
  const found = new Map<string, Look>()
  for (const [name, family] of engines) {
    const own = family === OWN_FAMILY
    const seat = seats.get(family) ?? 0
    const colour = own ? theme.own : theme.families[seat]!
    const before = drawn.get(colour) ?? 0
    drawn.set(colour, before + 1)
    // A colour starts at a mark of its own, so that marks help where two colours look alike.
    const mark = MARKS[((own ? 0 : seat + 1) + before) % MARKS.length]!
    found.set(name, { own, colour, mark, dashes: DASHES[before % DASHES.length]! })
  }
  return found
}

/** Of an engine that is in `results`. */
export function lookOf(all: ReadonlyMap<string, Look>, name: string): Look {
  const look = all.get(name)
  if (!look)
    throw new Error(`expected an engine of these results (${[...all.keys()].join(', ')}), got ${name}`)
  return look
}
