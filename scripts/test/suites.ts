/** Every suite of `npm test`, in the order they run: what breaks soonest comes first. */
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Counter, cargo, check, named, plain, vitest } from './count.ts'

export interface Suite {
  readonly name: string
  /** `--only` takes it too. */
  readonly group: string
  readonly what: string
  readonly command: readonly string[]
  readonly count: Counter
  readonly env?: Readonly<Record<string, string>>
  readonly minutesMax?: number
  /** Why it cannot run here; nothing when it can. */
  readonly leaveOut?: () => string | undefined
  /** Lines worth showing when all went well. */
  readonly show?: RegExp
}

const onPath = (tool: string) =>
  (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, tool)))
const cargoCommand = (...args: string[]) => ['cargo', ...args]

const rust: readonly Suite[] = [
  {
    name: 'rust-format',
    group: 'rust',
    what: 'cargo fmt --check',
    command: cargoCommand('fmt', '--all', '--check'),
    count: check,
  },
  {
    name: 'rust-lint',
    group: 'rust',
    what: 'clippy, warnings denied',
    command: cargoCommand(
      'clippy',
      '--workspace',
      '--exclude',
      'nearfield-wasm',
      '--all-targets',
      '--locked',
      '--',
      '-D',
      'warnings',
    ),
    count: check,
  },
  {
    name: 'rust-docs',
    group: 'rust',
    what: 'cargo doc, warnings denied',
    command: cargoCommand('doc', '-p', 'nearfield', '--no-deps', '--locked'),
    env: { RUSTDOCFLAGS: '-D warnings' },
    count: check,
  },
  {
    name: 'rust-tests',
    group: 'rust',
    what: 'the core, its oracles and the tidy tests',
    command: cargoCommand('test', '-p', 'nearfield', '-p', 'testkit', '-p', 'xtask', '--locked'),
    count: cargo,
    minutesMax: 20,
  },
  {
    name: 'generated',
    group: 'rust',
    what: 'generated TypeScript is the Rust’s',
    command: cargoCommand('run', '-q', '-p', 'xtask', '--locked', '--', 'generate', '--check'),
    count: check,
  },
  {
    name: 'rust-neon',
    group: 'rust',
    what: 'NEON kernels under emulation',
    command: ['sh', 'scripts/test-neon.sh'],
    count: cargo,
    minutesMax: 15,
    leaveOut: () => {
      if (process.arch === 'arm64') return 'this machine’s own kernels are NEON'
      return onPath('qemu-aarch64-static') &&
        onPath('aarch64-linux-gnu-gcc') &&
        existsSync('/usr/lib/rustlib/src/rust/library/Cargo.lock')
        ? undefined
        : 'needs qemu-user-static, gcc-aarch64-linux-gnu, libc6-dev-arm64-cross, rustc-web and rust-web-src'
    },
  },
]

const typescript: readonly Suite[] = [
  {
    name: 'format-and-lint',
    group: 'units',
    what: 'biome',
    command: ['biome', 'ci', '--error-on-warnings', '.'],
    count: check,
  },
  ...[
    'packages/nearfield',
    'packages/native',
    'packages/conformance',
    'examples/verses',
    'bench',
    'scripts',
  ].map(
    (folder): Suite => ({
      name: `types-${folder.split('/').at(-1)}`,
      group: 'units',
      what: `tsc in ${folder}`,
      command: ['tsc', '--noEmit', '-p', folder],
      count: check,
    }),
  ),
  ...['packages/nearfield', 'examples/verses', 'bench'].map(
    (folder): Suite => ({
      name: `units-${folder.split('/').at(-1)}`,
      group: 'units',
      what: `vitest in ${folder}`,
      command: ['vitest', 'run', '--root', folder],
      count: vitest,
    }),
  ),
  {
    name: 'native-faults',
    group: 'units',
    what: 'panics, hostile arrays and dying workers, in Node',
    command: ['node', '--expose-gc', 'packages/native/test/faults.ts'],
    count: named,
  },
]

const targets = [
  'native-node',
  'native-deno',
  'native-bun',
  'wasm-threads-node',
  'wasm-threads-simd128-node',
  'wasm-node',
  'wasm-threads-chromium',
  'wasm-chromium',
  'wasm-threads-firefox',
]

const runtimes: readonly Suite[] = [
  {
    name: 'wasm-faults',
    group: 'wasm',
    what: 'panics, traps and files of every module in Node, Deno and Bun',
    command: ['node', 'packages/wasm/test/run.ts'],
    count: named,
  },
  {
    name: 'wasm-kernels',
    group: 'wasm',
    what: 'simd128 and relaxed SIMD kernels against their definition',
    command: ['node', 'packages/wasm/test-kernels/run.ts'],
    count: check,
    minutesMax: 15,
  },
  {
    name: 'conformance',
    group: 'runtimes',
    what: `one suite in ${targets.length} runtimes`,
    command: ['node', 'packages/conformance/driver.ts'],
    count: plain,
    minutesMax: 25,
    show: /^ {2}\S+ +(write|read) /,
  },
  {
    name: 'packaging',
    group: 'runtimes',
    what: 'packed, installed, and the README’s snippets as written',
    command: ['node', 'packages/conformance/packaging/run.ts'],
    count: plain,
    minutesMax: 10,
  },
  {
    name: 'sizes',
    group: 'runtimes',
    what: 'modules and JavaScript, gzipped, within their budgets',
    command: ['node', 'scripts/test/sizes.ts'],
    count: plain,
    show: /budget/,
  },
]

const demos: readonly Suite[] = [
  {
    name: 'demo',
    group: 'demo',
    what: 'the demo in a pipe, --json',
    command: ['node', 'scripts/test/demo.ts'],
    count: plain,
  },
  {
    name: 'demo-web',
    group: 'demo',
    what: 'the page in Chromium',
    command: ['node', 'examples/verses/test/web.browser.ts'],
    count: plain,
  },
]

export const SUITES: readonly Suite[] = [...rust, ...typescript, ...runtimes, ...demos]
