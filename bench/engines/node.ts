/**
 * The catalogue of engines that run in Node: nearfield in its settings, and the peers that npm has.
 *
 * Versions are exact. `rowsMax` is what an engine builds, or scans for a thousand queries, in some minutes
 * on two cores at 256 dimensions.
 */

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type EngineSpec, METRICS } from '../harness/contract.ts'
import { EFS, PROBES } from './efforts.ts'

const run = promisify(execFile)

/** For engines so slow that a dozen settings are an afternoon. */
const EFS_FEW = [10, 25, 63, 160, 400] as const

const NO_LIMIT = Number.MAX_SAFE_INTEGER

const graph = { kind: 'graph', host: 'node', metrics: METRICS, knob: 'ef', efforts: EFS } as const
const zones = { kind: 'partition', host: 'node', metrics: METRICS, knob: 'probes', efforts: PROBES } as const
const exact = { kind: 'exact', host: 'node', knob: 'none', efforts: [0] } as const
/** Builds by this in place of the others' efConstruction: a graph whose curve is still above theirs. */
const quick = { kind: 'hnsw', efConstruction: 75 } as const
const ours = { family: 'nearfield', module: 'nearfield', packages: [] } as const

export const NODE_ENGINES: readonly EngineSpec[] = [
  {
    ...graph,
    ...ours,
    name: 'nearfield hnsw',
    variant: { kind: 'hnsw', backend: 'native' },
    rowsMax: NO_LIMIT,
    short: true,
  },
  {
    ...graph,
    ...ours,
    name: 'nearfield hnsw quick',
    variant: { ...quick, backend: 'native' },
    rowsMax: NO_LIMIT,
    short: false,
  },
  {
    ...graph,
    ...ours,
    name: 'nearfield hnsw quick wasm-threads',
    variant: { ...quick, backend: 'wasm-threads' },
    rowsMax: 500_000,
    short: false,
  },
  {
    ...graph,
    ...ours,
    name: 'nearfield hnsw f32',
    variant: { kind: 'hnsw', backend: 'native', codec: 'f32' },
    rowsMax: NO_LIMIT,
    short: false,
  },
  {
    ...graph,
    ...ours,
    name: 'nearfield hnsw wasm-threads',
    variant: { kind: 'hnsw', backend: 'wasm-threads' },
    rowsMax: 500_000,
    short: false,
  },
  {
    ...graph,
    ...ours,
    name: 'nearfield hnsw wasm',
    variant: { kind: 'hnsw', backend: 'wasm' },
    rowsMax: 250_000,
    short: false,
  },
  {
    ...zones,
    ...ours,
    name: 'nearfield zones',
    variant: { kind: 'zones', backend: 'native' },
    rowsMax: NO_LIMIT,
    short: true,
  },
  {
    ...zones,
    ...ours,
    name: 'nearfield zones pq4',
    variant: { kind: 'zones', backend: 'native', codec: 'pq4' },
    rowsMax: NO_LIMIT,
    short: false,
  },
  {
    ...zones,
    ...ours,
    name: 'nearfield zones wasm-threads',
    variant: { kind: 'zones', backend: 'wasm-threads' },
    rowsMax: 500_000,
    short: false,
  },
  {
    ...zones,
    ...ours,
    name: 'nearfield zones wasm',
    variant: { kind: 'zones', backend: 'wasm' },
    rowsMax: 250_000,
    short: false,
  },
  {
    ...exact,
    ...ours,
    name: 'nearfield flat',
    metrics: METRICS,
    variant: { kind: 'flat', backend: 'native' },
    rowsMax: NO_LIMIT,
    short: false,
  },
  {
    ...exact,
    ...ours,
    name: 'nearfield flat wasm-threads',
    metrics: METRICS,
    variant: { kind: 'flat', backend: 'wasm-threads' },
    rowsMax: 500_000,
    short: false,
  },
  {
    ...exact,
    ...ours,
    name: 'nearfield flat wasm',
    metrics: METRICS,
    variant: { kind: 'flat', backend: 'wasm' },
    rowsMax: 250_000,
    short: false,
  },
  {
    ...graph,
    name: 'hnswlib-node',
    family: 'hnswlib',
    module: 'hnswlib-node',
    variant: {},
    packages: ['hnswlib-node@3.0.0'],
    rowsMax: 200_000,
    short: true,
  },
  {
    ...graph,
    name: 'usearch node',
    family: 'usearch',
    module: 'usearch',
    variant: {},
    packages: ['usearch@2.26.2'],
    rowsMax: NO_LIMIT,
    short: true,
  },
  {
    ...graph,
    name: 'zvec',
    family: 'zvec',
    module: 'zvec',
    variant: {},
    packages: ['@zvec/zvec@0.7.0'],
    rowsMax: 200_000,
    short: false,
  },
  {
    ...graph,
    name: 'hnswlib-wasm',
    family: 'hnswlib',
    module: 'hnswlib-wasm',
    variant: {},
    packages: ['hnswlib-wasm@0.8.2'],
    rowsMax: 100_000,
    short: false,
  },
  {
    ...graph,
    name: 'edgevec',
    family: 'edgevec',
    module: 'edgevec',
    variant: {},
    metrics: ['l2', 'cosine'],
    packages: ['edgevec@0.9.0'],
    efforts: EFS_FEW,
    rowsMax: 10_000,
    short: false,
  },
  {
    ...exact,
    name: 'voy',
    family: 'voy',
    module: 'voy',
    metrics: ['l2', 'cosine'],
    variant: {},
    packages: ['voy-search@0.6.3'],
    rowsMax: 10_000,
    short: false,
  },
]

/**
 * Puts exactly these packages, `name@version`, into `folder/node_modules`, where `host.ts` looks for them.
 * What is there already stays. Rejects with what npm said last.
 */
export async function installNode(packages: readonly string[], folder: string): Promise<void> {
  const wanted = packages.map(nameAndVersion)
  const here = await Promise.all(wanted.map((one) => installed(folder, one)))
  const missing = wanted.filter((_, i) => !here[i])
  if (missing.length === 0) return
  await mkdir(folder, { recursive: true })
  await declare(folder, missing)
  const names = missing.map(({ name, version }) => `${name}@${version}`)
  const args = ['install', '--no-audit', '--no-fund', '--no-package-lock', '--save-exact', ...names]
  try {
    await run('npm', [...args, '--prefix', folder], { cwd: folder, maxBuffer: 2 ** 26 })
  } catch (error) {
    throw new Error(`npm could not install ${names.join(', ')}: ${lastWords(error)}`)
  }
}

interface Wanted {
  readonly name: string
  readonly version: string
}

function nameAndVersion(text: string): Wanted {
  const at = text.lastIndexOf('@')
  if (at <= 0) throw new Error(`expected name@version, received ${JSON.stringify(text)}`)
  return { name: text.slice(0, at), version: text.slice(at + 1) }
}

async function installed(folder: string, { name, version }: Wanted): Promise<boolean> {
  const manifest = join(folder, 'node_modules', name, 'package.json')
  if (!existsSync(manifest)) return false
  return (JSON.parse(await readFile(manifest, 'utf8')) as { version: string }).version === version
}

/** The folder is a project of its own, and says which packages may compile themselves: newer npm asks. */
async function declare(folder: string, missing: readonly Wanted[]): Promise<void> {
  const path = join(folder, 'package.json')
  const before = existsSync(path) ? JSON.parse(await readFile(path, 'utf8')) : { private: true }
  const allowed = Object.fromEntries(missing.map(({ name, version }) => [`${name}@${version}`, true]))
  const manifest = { ...before, allowScripts: { ...before.allowScripts, ...allowed } }
  await writeFile(path, `${JSON.stringify(manifest, null, 2)}\n`)
}

/** Of a failed compilation npm shows everything; what went wrong stands among what it ran and where. */
const CHATTER = new RegExp(
  [
    '^npm (warn|notice)',
    'complete log of this run',
    'make: (Entering|Leaving)',
    'gyp (info|WARN)',
    'gyp ERR! (System|command|cwd|node|\\$npm|not ok|stack\\s+at)',
  ].join('|'),
  'i',
)

function lastWords(error: unknown): string {
  const { stderr, stdout, message } = error as { stderr?: string; stdout?: string; message: string }
  const lines = `${stdout ?? ''}\n${stderr ?? ''}`
    .split('\n')
    .filter((line) => !CHATTER.test(line))
    .map((line) => line.replace(/^npm error/, '').trim())
    .filter((line) => line !== '')
  return lines.slice(-4).join('; ') || message
}
