/**
 * The catalogue of engines that run in Python, and the environment they live in.
 *
 *   python3 -m venv ── pip install, one engine's packages at a time ── python host.py <module> ⇄ lines
 *
 * Versions are exact. An engine asks for no more than its own packages, so that one that cannot be had
 * on some machine takes no other with it.
 */

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type EngineSpec, METRICS } from '../harness/contract.ts'
import { EFS, PROBES } from './efforts.ts'

const run = promisify(execFile)

/** Partitions looked into; there are some 4 √rows of them. */
const MILLIONS = 5_000_000
const NUMPY = 'numpy==2.4.6'

const python = { host: 'python', metrics: METRICS } as const
const graph = { ...python, kind: 'graph', knob: 'ef', efforts: EFS } as const
const partition = { ...python, kind: 'partition', knob: 'probes', efforts: PROBES } as const
const exact = { ...python, kind: 'exact', knob: 'none', efforts: [0] } as const
const faiss = { family: 'faiss', module: 'faiss_peer', packages: [NUMPY, 'faiss-cpu==1.15.1'] } as const
const rabitqlib = {
  family: 'rabitqlib',
  module: 'rabitqlib_peer',
  packages: [NUMPY, 'rabitqlib==0.7.1'],
} as const
const glass = { family: 'glass', module: 'glass_peer', packages: [NUMPY, 'pyglass-portable==2.1.0'] } as const
const svs = { family: 'svs', module: 'svs_peer', packages: [NUMPY, 'scalable-vs==0.5.0'] } as const

export const PYTHON_ENGINES: readonly EngineSpec[] = [
  {
    ...graph,
    name: 'hnswlib',
    family: 'hnswlib',
    module: 'hnswlib_peer',
    variant: {},
    packages: [NUMPY, 'hnswlib==0.8.0'],
    rowsMax: MILLIONS,
    short: true,
  },
  {
    ...exact,
    ...faiss,
    name: 'faiss flat',
    variant: { index: 'flat' },
    rowsMax: MILLIONS,
    short: false,
  },
  {
    ...graph,
    ...faiss,
    name: 'faiss hnsw',
    variant: { index: 'hnsw' },
    rowsMax: MILLIONS,
    short: true,
  },
  {
    ...partition,
    ...faiss,
    name: 'faiss IVF-PQ fast-scan, refine 8',
    variant: { index: 'pq', dsub: 2, refine: 8 },
    rowsMax: MILLIONS,
    short: false,
  },
  {
    // Codes of 4 bits lose the nearest among the near: with few to rank again, recall stays below 0.99.
    ...partition,
    ...faiss,
    name: 'faiss IVF-PQ fast-scan, refine 40',
    variant: { index: 'pq', dsub: 2, refine: 40 },
    rowsMax: MILLIONS,
    short: false,
  },
  {
    ...partition,
    ...faiss,
    name: 'faiss IVF-RaBitQ fast-scan, refine 8',
    variant: { index: 'rabitq', bits: 1, refine: 8 },
    rowsMax: MILLIONS,
    short: false,
  },
  {
    ...graph,
    ...rabitqlib,
    name: 'SymphonyQG',
    variant: { index: 'symphonyqg' },
    rowsMax: MILLIONS,
    short: true,
  },
  {
    ...partition,
    ...rabitqlib,
    name: 'IVF-RaBitQ',
    variant: { index: 'ivf', bits: 32 },
    rowsMax: MILLIONS,
    short: false,
  },
  {
    ...graph,
    ...svs,
    name: 'svs LVQ 4x8',
    variant: { storage: 'lvq4x8' },
    knob: 'window',
    rowsMax: MILLIONS,
    short: true,
  },
  {
    // Where LVQ is refused: it runs on any processor.
    ...graph,
    ...svs,
    name: 'svs float16',
    variant: { storage: 'float16' },
    knob: 'window',
    rowsMax: MILLIONS,
    short: false,
  },
  {
    ...graph,
    ...glass,
    name: 'Glass SQ4U',
    variant: { codes: 'SQ4U' },
    rowsMax: 1_000_000,
    short: false,
  },
  {
    ...graph,
    ...glass,
    name: 'Glass SQ8U',
    variant: { codes: 'SQ8U' },
    rowsMax: 1_000_000,
    short: false,
  },
  {
    ...graph,
    name: 'VSAG HGraph sq8',
    family: 'vsag',
    module: 'vsag_peer',
    variant: { codes: 'sq8' },
    packages: [NUMPY, 'pyvsag==0.18.5'],
    rowsMax: 1_000_000,
    short: false,
  },
  {
    ...graph,
    name: 'VSAG HGraph sq8 uniform',
    family: 'vsag',
    module: 'vsag_peer',
    variant: { codes: 'sq8_uniform' },
    packages: [NUMPY, 'pyvsag==0.18.5'],
    rowsMax: 1_000_000,
    short: false,
  },
  {
    ...graph,
    name: 'usearch python',
    family: 'usearch',
    module: 'usearch_peer',
    variant: {},
    packages: [NUMPY, 'usearch==2.26.6'],
    rowsMax: MILLIONS,
    short: false,
  },
  {
    ...graph,
    name: 'voyager',
    family: 'voyager',
    module: 'voyager_peer',
    variant: {},
    packages: [NUMPY, 'voyager==2.2.3'],
    rowsMax: 1_000_000,
    short: false,
  },
]

/** Installs run one after another: two pips at once in one environment undo each other's work. */
let installing: Promise<unknown> = Promise.resolve()

/**
 * Python of the environment in `folder`, which is made at the first call, with exactly these versions in
 * it; rejects with the last lines of what pip had to say.
 */
export function installPython(packages: readonly string[], folder: string): Promise<string> {
  const mine = installing.then(() => install(packages, folder))
  installing = mine.catch(() => {})
  return mine
}

async function install(packages: readonly string[], folder: string): Promise<string> {
  const wanted = packages.map(nameAndVersion)
  const windows = process.platform === 'win32'
  const interpreter = windows ? join(folder, 'Scripts', 'python.exe') : join(folder, 'bin', 'python')
  if (!existsSync(interpreter)) {
    await mkdir(folder, { recursive: true })
    await said(windows ? 'python' : 'python3', ['-m', 'venv', folder], 'Python could not make an environment')
  }
  const here = await versions(interpreter)
  const missing = wanted.filter(({ name, version }) => here.get(plain(name)) !== version)
  if (missing.length === 0) return interpreter
  const names = missing.map(({ name, version }) => `${name}==${version}`)
  const args = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input', ...names]
  await said(interpreter, args, `pip could not install ${names.join(', ')}`)
  return interpreter
}

function nameAndVersion(text: string): { name: string; version: string } {
  const [name, version, ...more] = text.split('==')
  if (!name || !version || more.length > 0)
    throw new Error(`expected name==version, received ${JSON.stringify(text)}`)
  return { name, version }
}

/** Names are one whatever their case and whether they are written with - or _ or a dot. */
const plain = (name: string) => name.toLowerCase().replace(/[-_.]+/g, '-')

/** What is installed: asked of Python itself, which is quicker than pip. */
async function versions(interpreter: string): Promise<Map<string, string>> {
  const list =
    'import importlib.metadata as m, json\n' +
    "print(json.dumps([[d.metadata['Name'], d.version] for d in m.distributions()]))"
  const out = await said(interpreter, ['-c', list], 'Python could not list its packages')
  const found = JSON.parse(out) as [string, string][]
  return new Map(found.map(([name, version]) => [plain(name), version]))
}

async function said(program: string, args: readonly string[], failed: string): Promise<string> {
  try {
    return (await run(program, args, { maxBuffer: 2 ** 26 })).stdout
  } catch (error) {
    throw new Error(`${failed}: ${lastWords(error)}`, { cause: error })
  }
}

const MEANINGFUL_LINES_MAX = 6
/** pip names every version it passed over. */
const LINE_CHARACTERS_MAX = 200

function lastWords(error: unknown): string {
  const { stderr, stdout, message } = error as { stderr?: string; stdout?: string; message: string }
  const lines = `${stdout ?? ''}\n${stderr ?? ''}`
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line && !/^(\[?notice\]?|note:|hint:|warning:|Looking in|[-╰│─>×\s]+$)/i.test(line))
  const short = lines.map((line) =>
    line.length > LINE_CHARACTERS_MAX ? `${line.slice(0, LINE_CHARACTERS_MAX)}…` : line,
  )
  return short.slice(-MEANINGFUL_LINES_MAX).join(' | ') || message
}
