/**
 * The pictures of a run: for each dataset its recall–speed curves, build times, memory with file sizes, and
 * latencies, each light and dark. An engine without a figure is named in a note of that picture, so every
 * engine is in every picture.
 */
import type { DatasetResult, EngineResult, Results } from '../harness/contract.ts'
import { type Bar, barsPanel, type Pair, pairsPanel, type Rows } from './bars.ts'
import { curvesPanel } from './curves.ts'
import {
  bytes,
  digits,
  MIB,
  micros,
  moment,
  recall as recallText,
  seconds,
  threads,
  whole,
} from './format.ts'
import { type Panel, type Sheet, sheet, WIDTH } from './frame.ts'
import { type Look, looks, THEMES, type Theme } from './theme.ts'

export interface Picture {
  /** A file's name without its ending: `verses-curves-light`. */
  readonly name: string
  readonly dataset: string
  readonly kind: 'curves' | 'build' | 'memory' | 'latency'
  readonly theme: Theme['name']
  readonly title: string
  readonly svg: string
}

const LATENCY_RECALL = 0.95

interface Scene {
  readonly results: Results
  readonly dataset: DatasetResult
  readonly all: ReadonlyMap<string, Look>
  readonly theme: Theme
}
type Drawn = Pick<Sheet, 'title' | 'key' | 'notes'> & {
  readonly panels: readonly Panel[]
  readonly says: string
}

/** On an axis: `0.5`, `20`, `1,000`. */
const plain = (value: number): string => Number(value.toPrecision(6)).toLocaleString('en-US')

const unnamed = (what: string, engines: readonly string[]): string[] =>
  engines.length ? [`${what}: ${engines.join(', ')}`] : []

/** Which version of what ran, each in one piece; the engines of one family mostly share theirs. */
function versionsOf(engines: readonly EngineResult[]): string {
  // A family of several packages is named by engine: its versions are of different things.
  const several = (family: string) =>
    new Set(engines.filter((other) => other.family === family).map(({ version }) => version)).size > 1
  const found = new Set(
    engines.map(({ name, family, version }) =>
      `${several(family) ? name : family} ${version}`.replaceAll(' ', '\u00a0'),
    ),
  )
  return `Versions: ${[...found].join(' · ')}`
}

function curves({ results, dataset, all, theme }: Scene): Drawn {
  const { panel, outside } = curvesPanel(dataset, all, results.k, theme)
  return {
    title: `Recall and speed: ${dataset.name}`,
    says: `${results.rounds} rounds: median, whiskers from the least to the most; one call a query.`,
    panels: panel ? [panel] : [],
    notes: [...unnamed('Never reach a recall of 0.80', outside), versionsOf(dataset.engines)],
  }
}

function rowsOf(
  scene: Scene,
  engines: readonly string[],
  rest: Omit<Rows, 'engines' | 'looks' | 'theme'>,
): Rows {
  return { engines, looks: scene.all, theme: scene.theme, ...rest }
}

/** Engines that have a value, least first, and those that have none. */
function ordered(engines: readonly EngineResult[], value: (engine: EngineResult) => number | undefined) {
  const valued = engines.map((engine) => ({ engine, by: value(engine) }))
  const has = valued.filter(({ by }) => by !== undefined).sort((a, b) => a.by! - b.by!)
  return {
    has: has.map(({ engine }) => engine),
    lacks: valued.filter(({ by }) => by === undefined).map(({ engine }) => engine.name),
  }
}

const OPACITIES = [0.45, 1]

function build(scene: Scene): Drawn {
  const { dataset, results } = scene
  const counts = [...new Set(dataset.engines.flatMap(({ builds }) => builds.map((one) => one.threads)))]
  counts.sort((a, b) => a - b)
  const secondsOn = (engine: EngineResult, count: number) =>
    engine.builds.find((one) => one.threads === count)?.seconds
  const { has, lacks } = ordered(dataset.engines, ({ builds }) =>
    builds.length ? Math.min(...builds.map((one) => one.seconds.median)) : undefined,
  )
  const opacityOf = (at: number) => (counts.length === 1 ? 1 : OPACITIES[Math.min(at, OPACITIES.length - 1)]!)
  const series = counts.map((count, at) => ({
    opacity: opacityOf(at),
    bars: has.flatMap((engine): Bar[] => {
      const took = secondsOn(engine, count)
      if (!took) return []
      return [
        { engine: engine.name, value: took.median, min: took.min, max: took.max, text: seconds(took.median) },
      ]
    }),
  }))
  const rows = rowsOf(
    scene,
    has.map(({ name }) => name),
    { width: WIDTH, named: true, axis: 'build time, seconds', tick: plain },
  )
  return {
    title: `Time to build: ${dataset.name}`,
    says: `M ${dataset.M}, efConstruction ${dataset.efConstruction} where an engine has them; ${results.rounds} rounds: median, whiskers from the least to the most.`,
    key: counts.map((count, at) => ({ label: threads(count), opacity: opacityOf(at) })),
    panels: has.length ? [barsPanel(rows, series)] : [],
    notes: unnamed('No figure', lacks),
  }
}

/** The left of two panels has the names too. */
const NAMED_HALF = 490

function memory(scene: Scene): Drawn {
  const { dataset } = scene
  const { has, lacks } = ordered(dataset.engines, ({ indexBytes, fileBytes }) => indexBytes ?? fileBytes)
  const vectors = (dataset.rows * dataset.dim * 4) / MIB
  const engines = has.map(({ name }) => name)
  const sizes = (value: (engine: EngineResult) => number | undefined) =>
    has.flatMap((engine): Bar[] => {
      const size = value(engine)
      return size === undefined ? [] : [{ engine: engine.name, value: size / MIB, text: bytes(size) }]
    })
  const halves = [
    { axis: 'index in memory, MiB', bars: sizes(({ indexBytes }) => indexBytes) },
    { axis: 'saved file, MiB', bars: sizes(({ fileBytes }) => fileBytes) },
  ].filter(({ bars }) => bars.length)
  const lacking = (key: 'indexBytes' | 'fileBytes') =>
    halves.length < 2 ? [] : has.filter((engine) => engine[key] === undefined).map(({ name }) => name)
  return {
    title: `Memory and file: ${dataset.name}`,
    says: `The vectors alone are ${bytes(vectors * MIB)}.`,
    panels: halves.map(({ axis, bars }, at) => {
      const width = halves.length === 1 ? WIDTH : at ? WIDTH - NAMED_HALF : NAMED_HALF
      const rows = rowsOf(scene, engines, { width, named: at === 0, axis, tick: plain })
      return barsPanel(rows, [{ opacity: 1, bars }], { value: vectors, text: 'vectors alone' })
    }),
    notes: [
      ...unnamed('No figure', lacks),
      ...unnamed('Memory not known', lacking('indexBytes')),
      ...unnamed('No file', lacking('fileBytes')),
    ],
  }
}

function latency(scene: Scene): Drawn {
  const { dataset } = scene
  const latencyOf = ({ at }: EngineResult) => at.find(({ recall }) => recall === LATENCY_RECALL)?.latency
  const { has, lacks } = ordered(dataset.engines, (engine) => latencyOf(engine)?.p50)
  const pairs = has.flatMap((engine): Pair[] => {
    const found = latencyOf(engine)
    if (!found) return []
    const { p50: low, p99: high } = found
    return [{ engine: engine.name, low, high, text: `${micros(low)} … ${micros(high)}` }]
  })
  const rows = rowsOf(
    scene,
    has.map(({ name }) => name),
    {
      width: WIDTH,
      named: true,
      axis: 'one query on one thread, microseconds (p50 filled, p99 hollow)',
      tick: plain,
    },
  )
  return {
    title: `Latency at recall ${recallText(LATENCY_RECALL)}: ${dataset.name}`,
    says: 'Each call timed by itself: half of them are faster than p50, 99 in 100 faster than p99.',
    panels: pairs.length ? [pairsPanel(rows, pairs)] : [],
    notes: unnamed(`No figure at recall ${recallText(LATENCY_RECALL)}`, lacks),
  }
}

const KINDS = { curves, build, memory, latency } as const

/** What every figure hangs on: machine and date. */
export function circumstances({ machine, date }: Pick<Results, 'machine' | 'date'>): string {
  const { cpu, cores, memoryGiB, os } = machine
  return `${cpu}, ${cores} cores, ${digits(memoryGiB)} GiB, ${os} · ${moment(date)}`
}

/** Every picture of a run, by dataset, kind and theme. A kind for which no engine has a figure is left out. */
export function charts(results: Results): Picture[] {
  const pictures: Picture[] = []
  for (const dataset of results.datasets)
    for (const kind of Object.keys(KINDS) as Picture['kind'][])
      for (const theme of THEMES) {
        const drawn = KINDS[kind]({ results, dataset, all: looks(results, theme), theme })
        if (!drawn.panels.length) continue
        const about = `${whole(dataset.rows)} rows, ${dataset.dim} dimensions, ${dataset.metric}. ${drawn.says}`
        const svg = sheet({ ...drawn, subtitle: [about, circumstances(results), results.command] }, theme)
        const name = `${slug(dataset.name)}-${kind}-${theme.name}`
        pictures.push({ name, dataset: dataset.name, kind, theme: theme.name, title: drawn.title, svg })
      }
  return pictures
}

/** A name as part of a file's. */
export const slug = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
