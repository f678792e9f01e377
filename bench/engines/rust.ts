/**
 * Peers written in Rust: one crate, `rust/`, whose binary is told which of them to be.
 *
 *   cargo build --release ── .peers/rust ── the binary ⇄ harness/process.ts
 *
 * It is compiled for the machine it runs on, as their own benchmarks are.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { EngineSpec } from '../harness/contract.ts'
import { EFS } from './efforts.ts'

export const RUST_ENGINES: readonly EngineSpec[] = [
  {
    name: 'hnsw_rs',
    family: 'hnsw_rs',
    kind: 'graph',
    host: 'rust',
    module: 'hnsw_rs',
    variant: {},
    packages: ['hnsw_rs@0.3.5'],
    metrics: ['l2', 'cosine'], // it asserts that no distance is negative
    knob: 'ef',
    efforts: EFS,
    rowsMax: 100_000,
    short: false,
  },
  {
    name: 'instant-distance',
    family: 'instant-distance',
    kind: 'graph',
    host: 'rust',
    module: 'instant-distance',
    variant: {},
    packages: ['instant-distance@0.6.1'],
    metrics: ['l2', 'ip', 'cosine'],
    knob: 'ef',
    // Its graphs have M = 32 whatever is asked, so that less effort gets further.
    efforts: EFS,
    rowsMax: 100_000,
    short: false,
  },
]

const crate = fileURLToPath(new URL('rust', import.meta.url))
const probe = fileURLToPath(new URL('../probe', import.meta.url))
const steps = fileURLToPath(new URL('../steps', import.meta.url))
const SAID_LINES_MAX = 12

const builds = new Map<string, Promise<string>>()

/** The binary, compiled under `folder` when it is first asked for; rejects with the reason where it cannot be. */
export function buildRust(folder: string): Promise<string> {
  const known = builds.get(folder)
  if (known) return known
  const build = compile(join(folder, 'rust'))
  builds.set(folder, build)
  return build
}

function compile(target: string): Promise<string> {
  // For the machine it runs on, as their own benchmarks are.
  return binary(crate, target, 'nearfield-bench-peers', { RUSTFLAGS: '-C target-cpu=native' })
}

/** What `probe/` is, compiled as the addon is. */
export const buildProbe = (folder: string): Promise<string> =>
  binary(probe, join(folder, 'probe'), 'nearfield-bench-probe', {})

/** What `steps/` is, compiled as the addon is. */
export const buildSteps = (folder: string): Promise<string> =>
  binary(steps, join(folder, 'steps'), 'nearfield-bench-steps', {})

async function binary(from: string, target: string, name: string, env: NodeJS.ProcessEnv): Promise<string> {
  const manifest = join(from, 'Cargo.toml')
  await cargo(['build', '--release', '--locked', '--manifest-path', manifest, '--target-dir', target], env)
  return join(target, 'release', process.platform === 'win32' ? `${name}.exe` : name)
}

function cargo(args: readonly string[], more: NodeJS.ProcessEnv): Promise<void> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...more, CARGO_TERM_COLOR: 'never' }
    const child = spawn('cargo', args, { stdio: ['ignore', 'ignore', 'pipe'], env })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    child.on('error', (why: NodeJS.ErrnoException) => {
      const reason = why.code === 'ENOENT' ? 'cargo is not on the path' : why.message
      reject(new Error(`expected a Rust toolchain to compile engines/rust: ${reason}`))
    })
    child.on('close', (code, signal) => {
      if (code === 0) resolve()
      else reject(new Error(`cargo could not compile engines/rust (${signal ?? code}):\n${meaning(said)}`))
    })
  })
}

/** What cargo said from its first error on, or last; not how far it had come. */
function meaning(said: string): string {
  const progress = /^\s*(Compiling|Downloading|Downloaded|Updating|Locking|Adding|Blocking|Building|Fresh) /
  const lines = said.split('\n').filter((line) => line.trim() && !progress.test(line))
  const first = lines.findIndex((line) => line.startsWith('error'))
  return (first < 0 ? lines.slice(-SAID_LINES_MAX) : lines.slice(first, first + SAID_LINES_MAX)).join('\n')
}
