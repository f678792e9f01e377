/** The harness on made-up engines and numbers whose answers are known. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { Dataset, EngineSpec, Request } from '../harness/contract.ts'
import { Measurement, type Placing, type Protocol, type RecallOf } from '../harness/measure.ts'
import { fitting, optionsOf } from '../harness/options.ts'
import { EngineProcess, Unsupported } from '../harness/process.ts'
import type { Progress } from '../harness/progress.ts'
import { front, qpsAt, ratios, spread, spreadOf } from '../harness/statistics.ts'

const point = (recall: number, qps: number, effort = 0) => ({ effort, recall, qps })

describe('statistics', () => {
  it('a spread is the middle, the least and the most', () => {
    expect(spread([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 })
    expect(spread([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 })
    expect(() => spread([])).toThrow(/at least one value, received none/)
    expect(spreadOf([undefined, 5, undefined])).toEqual({ median: 5, min: 5, max: 5 })
    expect(spreadOf([undefined])).toBeUndefined()
  })

  it('the front has what nothing beats in both, from low recall to high', () => {
    const points = [point(0.9, 100), point(0.95, 120), point(0.99, 50), point(0.99, 40), point(0.8, 120)]
    expect(front(points, ({ qps }) => qps)).toEqual([point(0.95, 120), point(0.99, 50)])
    expect(front([], () => 0)).toEqual([])
  })

  it('speed at a recall lies between its neighbours, straight in the logarithm', () => {
    const curve = [point(0.9, 1000), point(1, 10)]
    expect(qpsAt(curve, 0.95)).toBeCloseTo(100, 8)
    expect(qpsAt(curve, 0.925)).toBeCloseTo(10 ** 2.5, 8)
    expect(qpsAt(curve, 0.9)).toBe(1000)
    expect(qpsAt(curve, 1)).toBe(10)
  })

  it('a curve that starts above gives its first point, one that never gets there nothing', () => {
    expect(qpsAt([point(0.97, 500), point(0.99, 300)], 0.9)).toBe(500)
    expect(qpsAt([point(0.7, 500), point(0.8, 300)], 0.9)).toBeUndefined()
    expect(qpsAt([], 0.9)).toBeUndefined()
  })

  it('two settings of the same recall do not divide by nothing', () => {
    expect(qpsAt([point(0.9, 200), point(0.95, 90), point(0.95, 100)], 0.95)).toBe(100)
  })

  it('a ratio is taken within a round, so that a slow round does not show in it', () => {
    expect(ratios([100, 10, 200], [50, 5, 100])).toEqual({ median: 2, min: 2, max: 2 })
    expect(ratios([100, undefined, 30], [50, 5, 10])).toEqual({ median: 2.5, min: 2, max: 3 })
    expect(ratios([100], [undefined])).toBeUndefined()
  })
})

describe('the process of an engine', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nearfield-harness-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const engine = (name: string, body: string) => {
    const path = join(folder, `${name}.mjs`)
    writeFileSync(
      path,
      `import { createInterface } from 'node:readline'
      createInterface({ input: process.stdin }).on('line', (line) => { const asked = JSON.parse(line); ${body} })`,
    )
    return new EngineProcess(name, [process.execPath, path], {})
  }

  it('answers in order, and says what it lacks or what went wrong', async () => {
    await using sound = engine(
      'sound',
      `console.log(JSON.stringify(
        asked.do === 'lacks' ? { unsupported: 'no such thing' }
        : asked.do === 'fails' ? { error: 'Oops: 7' } : { echo: asked.do }))`,
    )
    expect(await sound.ask({ do: 'a' })).toEqual({ echo: 'a' })
    expect(await sound.ask({ do: 'b' })).toEqual({ echo: 'b' })
    await expect(sound.ask({ do: 'lacks' })).rejects.toThrow(Unsupported)
    await expect(sound.ask({ do: 'fails' })).rejects.toThrow('fails: Oops: 7')
    expect(await sound.ask({ do: 'c' })).toEqual({ echo: 'c' })
  })

  it('that ends fails what was asked, with its last words, and all after it', async () => {
    await using dying = engine('dying', `console.error('out of cheese'); process.exit(3)`)
    await expect(dying.ask({ do: 'a' })).rejects.toThrow(/ended \(3\).*out of cheese|ended \(3\)/)
    await expect(dying.ask({ do: 'b' })).rejects.toThrow(/has ended: .*out of cheese/)
  })

  it('that does not exist fails too', async () => {
    await using nothing = new EngineProcess('nothing', [join(folder, 'no-such-program')], {})
    await expect(nothing.ask({ do: 'a' })).rejects.toThrow(/ENOENT|has ended/)
  })
})

const DATASET: Dataset = {
  name: 'made up',
  about: '',
  metric: 'l2',
  rows: 1000,
  dim: 4,
  queries: 10,
  depth: 100,
  paths: { base: '', queries: '', neighbours: '', distances: '' },
}

const PROTOCOL: Protocol = {
  k: 10,
  rounds: 5,
  queries: 1000,
  seconds: 0,
  recalls: [0.9, 0.95, 0.99],
  batchRecalls: [0.95],
  batchThreads: [1, 2],
  buildThreads: [1, 2],
  buildRounds: 3,
  M: 16,
  efConstruction: 200,
  isa: 'auto',
  reference: 'slow',
}

const spec = (name: string, rest: Partial<EngineSpec> = {}): EngineSpec => ({
  name,
  family: name,
  kind: 'graph',
  host: 'node',
  module: '',
  variant: {},
  packages: [],
  metrics: ['l2'],
  knob: 'ef',
  efforts: [1, 2, 3, 4],
  rowsMax: Number.POSITIVE_INFINITY,
  short: true,
  ...rest,
})

/** Recall is written into the slots: effort 1 … 4 finds 0.85, 0.9, 0.96, 1. */
const RECALLS = [0, 0.85, 0.9, 0.96, 1]
const recall: RecallOf = (slots) => RECALLS[slots[0]![0]!]!

/** `speed` queries a second at effort 1, half as many at each after; `machine` slows a round. */
function fake(name: string, speed: number, machine: { pace: number }, log: string[] = []): EngineProcess {
  return {
    name,
    async ask(request: Request) {
      log.push(`${name} ${request.do}`)
      if (request.do === 'start') return { version: '1', isa: 'none' }
      if (request.do === 'memory')
        return { resident: log.includes(`${name} build`) ? 3000 : 1000, peak: 4000 }
      if (request.do === 'build') return { seconds: 8 / speed / request.threads }
      if (request.do === 'search' || request.do === 'searchBatch') {
        const threads = request.do === 'search' ? 1 : request.threads
        const qps = (speed * machine.pace * threads) / 2 ** (request.effort - 1)
        return { qps, slots: [[request.effort]] }
      }
      if (request.do === 'latency') return { p50: 1e6 / speed, p99: 2e6 / speed }
      if (request.do === 'save') throw new Unsupported('no files')
      throw new Error(`expected a known request, received ${request.do}`)
    },
    async [Symbol.asyncDispose]() {
      log.push(`${name} end`)
    },
  } as unknown as EngineProcess
}

const quiet = { begin() {}, say() {}, expect() {}, advance() {}, end() {} } as unknown as Progress

describe('a measurement', () => {
  const run = async (
    engines: readonly EngineSpec[],
    launch: (spec: EngineSpec) => Promise<EngineProcess>,
  ) => {
    const measurement = new Measurement(DATASET, recall, PROTOCOL, quiet)
    return { result: await measurement.run(engines, launch), leftOut: measurement.leftOut }
  }

  it('reads speeds at recalls, takes ratios within rounds, and asks engines in turns', async () => {
    const machine = { pace: 1 }
    const log: string[] = []
    const { result, leftOut } = await run([spec('slow'), spec('fast')], async ({ name }) =>
      fake(name, name === 'fast' ? 4000 : 1000, machine, log),
    )
    expect(leftOut).toEqual([])
    const [slow, fast] = result.engines
    expect(slow!.curve.map(({ recall }) => recall)).toEqual([0.85, 0.9, 0.96, 1])
    const at = fast!.at.find(({ recall }) => recall === 0.95)!
    expect(at.qps.median).toBeCloseTo(Math.exp(Math.log(2000) + (5 / 6) * Math.log(0.5)), 6)
    expect(at.ratio!.median).toBeCloseTo(4, 9)
    expect(at.batch.map(({ threads }) => threads)).toEqual([1, 2])
    expect(at.batch[1]!.qps.median).toBeCloseTo(2 * at.qps.median, 6)
    expect(at.latency).toEqual({ p50: 250, p99: 500 })
    expect(fast!.builds.map(({ threads, seconds }) => [threads, seconds.median])).toEqual([
      [1, 0.002],
      [2, 0.001],
    ])
    expect([fast!.indexBytes, fast!.peakBytes, fast!.fileBytes]).toEqual([2000, 4000, undefined])
    const searches = log.filter((line) => line.endsWith(' search'))
    const measured = searches.slice(-2 * 4 * PROTOCOL.rounds)
    for (let at = 0; at < measured.length; at += 2)
      expect(new Set(measured.slice(at, at + 2)).size, 'both before either again').toBe(2)
    expect(log.filter((line) => line.endsWith(' end'))).toHaveLength(2)
  })

  it('measures one thread where the reference is quickest, and more anywhere', async () => {
    const log: string[] = []
    const trials: number[] = []
    let tied = false
    const placing: Placing = {
      async tieToQuickest(processes, work) {
        expect(processes.map(({ name }) => name)).toEqual(['slow', 'fast'])
        tied = true
        trials.push(await work())
      },
      untie() {
        tied = false
      },
    }
    const launch = async ({ name }: EngineSpec) => {
      const { ask, ...rest } = fake(name, name === 'fast' ? 4000 : 1000, { pace: 1 })
      return {
        ...rest,
        ask: (request: Request) => {
          const threads = 'threads' in request ? request.threads : 1
          log.push(`${request.do} ${threads} ${tied}`)
          return ask(request)
        },
      } as unknown as EngineProcess
    }
    const measurement = new Measurement(DATASET, recall, PROTOCOL, quiet, placing)
    await measurement.run([spec('slow'), spec('fast')], launch)
    expect(measurement.leftOut).toEqual([])
    expect(new Set(trials)).toEqual(new Set([1 / 1000]))
    const seen = new Set(log.slice(log.findLastIndex((line) => line.startsWith('build'))))
    expect(seen).toContain('latency 1 true')
    expect(seen).toContain('searchBatch 1 true')
    expect(seen).toContain('searchBatch 2 false')
    expect(seen).toContain('save 1 false')
    for (const never of ['latency 1 false', 'searchBatch 1 false', 'searchBatch 2 true', 'save 1 true'])
      expect(seen).not.toContain(never)
    // Exploring comes before; the last searches are a round's curve.
    const searches = log.filter((line) => line.startsWith('search 1'))
    expect(new Set(searches.slice(-2 * 4))).toEqual(new Set(['search 1 true']))
  })

  it('leaves out what cannot start, has no such metric, is too slow, or fails on the way', async () => {
    const machine = { pace: 1 }
    const failing = fake('failing', 1, machine)
    const { result, leftOut } = await run(
      [
        spec('slow'),
        spec('absent'),
        spec('angular', { metrics: ['cosine'] }),
        spec('tiny', { rowsMax: 10 }),
        spec('failing'),
      ],
      async ({ name }) => {
        if (name === 'absent') throw new Error('does not install')
        if (name !== 'failing') return fake(name, 1000, machine)
        return {
          ...failing,
          [Symbol.asyncDispose]: async () => {},
          ask: async (request: Request) => {
            if (request.do === 'searchBatch') throw new Error('broke')
            return (failing as unknown as { ask(request: Request): Promise<unknown> }).ask(request)
          },
        } as unknown as EngineProcess
      },
    )
    expect(result.engines.map(({ name }) => name)).toEqual(['slow'])
    expect(Object.fromEntries(leftOut.map(({ engine, reason }) => [engine, reason]))).toEqual({
      absent: 'does not install',
      angular: 'has no metric l2',
      tiny: 'takes minutes beyond 10 rows',
      failing: 'broke',
    })
  })
})

describe('options', () => {
  it('refuse what they do not know, with what they expected', () => {
    expect(() => optionsOf(['--k', '0'])).toThrow('--k: expected a whole number from 1, received 0')
    expect(() => optionsOf(['--suite', 'x'])).toThrow(
      '--suite: expected founding, generator, growth, inserts, steps or direct, received x',
    )
    expect(() => optionsOf(['--compare', 'a'])).toThrow('expected two result files, received 1')
    expect(() => optionsOf(['a'])).toThrow('expected options only, received a')
    expect(optionsOf(['--dataset', 'a,b', '--threads', '2']).datasets).toEqual(['a', 'b'])
  })

  it('build less often what is large, and huge sets once for each number of threads', () => {
    const built = (rows: number, dim: number, ...args: string[]) => {
      const { buildRounds, buildThreads } = fitting(optionsOf(['--threads', '2', ...args]), { rows, dim })
      return [buildRounds, buildThreads]
    }
    expect(built(10_000, 128)).toEqual([3, [1, 2]])
    expect(built(31_173, 768)).toEqual([2, [2]])
    expect(built(31_173, 768, '--full')).toEqual([3, [1, 2]])
    expect(built(1_000_000, 100)).toEqual([1, [2]])
    expect(built(1_000_000, 100, '--full')).toEqual([1, [1, 2]])
  })
})
