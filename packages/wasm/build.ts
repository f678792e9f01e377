/**
 * Builds the WebAssembly variants: `node packages/wasm/build.ts [threads|relaxed|single] …`.
 *
 *   toolchain.ts   which cargo and rustc, and what is missing
 *   wasm-pack      cargo build with std built for the variant's flags → wasm-bindgen → wasm-opt -O3
 *   here           functions ordered, our pool starters in the place of wasm-bindgen-rayon's, which
 *                  relaxed instructions there are, then sizes and the budget
 */

import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { findToolchain, root } from './toolchain.ts'

export type Variant = 'threads' | 'relaxed' | 'single'

const variants: readonly Variant[] = ['threads', 'relaxed', 'single']
/** A module has every kind of index, the generator and hnswlib's files; compilers differ by some kilobytes. */
export const gzipBytesMax = 352_000

// Every flag has a reason; see "Flags" in README.md. The relaxed variant is the threads one with a crate
// feature more; its flags are the same, so they share a standard library.
const crateFeatures = { threads: ['threads'], relaxed: ['threads', 'relaxed-simd'], single: [] } as const
const base = { threads: 'threads', relaxed: 'threads', single: 'single' } as const
const features = { single: '+simd128,+bulk-memory', threads: '+simd128,+bulk-memory,+atomics' }

/** The relaxed instructions whose answers are ours on every engine; see kernels/wasm32/relaxed.rs. */
const relaxedAllowed: readonly string[] = ['i32x4.relaxed_dot_i8x16_i7x16_add_s', 'i8x16.relaxed_swizzle']
const sharedMemory = [
  '--shared-memory',
  '--import-memory',
  '--max-memory=4294967296',
  '--export=__heap_base',
  '--export=__wasm_init_tls',
  '--export=__tls_size',
  '--export=__tls_align',
  '--export=__tls_base',
]

/** What does no work of its own is compiled for size; the checksum reads whole files. */
const optLevels = [
  ...['"*".opt-level="s"', 'nearfield-wasm.opt-level="s"'],
  ...['nearfield.opt-level=2', 'xxhash-rust.opt-level=3'],
].flatMap((setting) => ['--config', `profile.release.package.${setting}`])

function rustFlags(variant: Variant): string[] {
  const flags = [
    '-Cpanic=unwind',
    `-Ctarget-feature=${features[base[variant]]},+exception-handling`,
    '-Cllvm-args=-inline-threshold=10',
    '-Zlocation-detail=none',
  ]
  const linked = variant === 'single' ? ['--max-memory=4294967296'] : sharedMemory
  return [...flags, ...linked.map((argument) => `-Clink-arg=${argument}`)]
}

/** Runs wasm-pack; crate features beside the variant's own are for tests. */
export function pack(variant: Variant, out: string, more: readonly string[] = []): void {
  const toolchain = findToolchain()
  console.log(`wasm ${variant}: ${toolchain.name}`)
  const targetDir = process.env[`NEARFIELD_TARGET_WASM_${base[variant].toUpperCase()}`]
  const enabled = [...crateFeatures[variant], ...more]
  rmSync(out, { recursive: true, force: true })
  execFileSync(
    'wasm-pack',
    [
      ...[
        'build',
        join(root, 'crates/nearfield-wasm'),
        '--target',
        'web',
        '--mode',
        'no-install',
        '--release',
      ],
      ...['--no-pack', '--out-dir', out, '--out-name', 'nearfield_wasm', '--'],
      ...[
        '-Zbuild-std=std,panic_unwind',
        // Named features replace the default ones, of which unwinding is one.
        '-Zbuild-std-features=panic-unwind,optimize_for_size',
        ...optLevels,
        '--locked',
        `--features=${enabled.join(',')}`,
      ],
      `--target-dir=${targetDir ?? join(root, `target-wasm-${base[variant]}`)}`,
    ],
    {
      stdio: 'inherit',
      env: {
        ...process.env,
        ...toolchain.env,
        RUSTC_BOOTSTRAP: '1',
        CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS: [...toolchain.flags, ...rustFlags(variant)].join(' '),
      },
    },
  )
}

/** What a module may use of what engines came to know one by one; told more, wasm-opt writes what none reads yet. */
const written = [
  ...['simd', 'relaxed-simd', 'threads', 'bulk-memory', 'exception-handling', 'reference-types'],
  ...['multivalue', 'mutable-globals', 'sign-ext', 'nontrapping-float-to-int'],
].map((feature) => `--enable-${feature}`)

/** Functions in the order of their names: gzip then sees instances of one beside each other. */
function order(out: string): void {
  const path = join(out, 'nearfield_wasm_bg.wasm')
  execFileSync('wasm-opt', [...written, '--reorder-functions-by-name', '--strip-debug', path, '-o', path], {
    env: { ...process.env, ...findToolchain().env },
  })
}

/** The relaxed instructions are those we mean, and inlined: more often there than in their own function. */
function checkRelaxed(variant: Variant, out: string): void {
  const text = execFileSync('wasm-dis', ['--all-features', join(out, 'nearfield_wasm_bg.wasm')], {
    encoding: 'utf8',
    maxBuffer: 1 << 29,
    env: { ...process.env, ...findToolchain().env },
  })
  const all = text.match(/\w+\.relaxed_\w+/g) ?? []
  const found = [...new Set(all)].sort()
  const expected = variant === 'relaxed' ? relaxedAllowed : []
  if (found.join() !== expected.join() || (all.length > 0 && all.length === found.length)) {
    throw new Error(
      `wasm ${variant}: expected the relaxed instructions [${expected}], inlined, found [${found}] ${all.length} times`,
    )
  }
}

/** Puts the starters beside the glue and lets the glue ask them; see README.md, "Loading". */
export function installPool(out: string): void {
  for (const name of readdirSync(join(root, 'packages/wasm/pool'))) {
    cpSync(join(root, 'packages/wasm/pool', name), join(out, name))
  }
  const path = join(out, 'nearfield_wasm.js')
  const glue = readFileSync(path, 'utf8')
  const snippet = /'\.\/snippets\/wasm-bindgen-rayon-[^']*'|"\.\/snippets\/wasm-bindgen-rayon-[^"]*"/g
  if ((glue.match(snippet) ?? []).length !== 1) {
    throw new Error(
      `expected one import of wasm-bindgen-rayon's snippet in ${path}: did its interface change?`,
    )
  }
  const own = glue.replace(snippet, "'./pool-hook.js'")
  writeFileSync(path, `${own}\nexport { usePoolStarter } from './pool-hook.js'\n`)
  rmSync(join(out, 'snippets'), { recursive: true })
}

function reportSize(variant: Variant, out: string): void {
  const path = join(out, 'nearfield_wasm_bg.wasm')
  const raw = statSync(path).size
  const packed = gzipSync(readFileSync(path), { level: 9 }).length
  const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`
  console.log(
    `wasm ${variant}: ${kilobytes(raw)}, gzip ${kilobytes(packed)} (budget ${kilobytes(gzipBytesMax)})`,
  )
  if (packed > gzipBytesMax) {
    throw new Error(`wasm ${variant}: expected at most ${gzipBytesMax} bytes with gzip, got ${packed}`)
  }
}

export function build(variant: Variant): void {
  const out = join(root, 'packages/wasm', variant)
  mkdirSync(out, { recursive: true })
  pack(variant, out)
  order(out)
  if (variant !== 'single') installPool(out)
  checkRelaxed(variant, out)
  rmSync(join(out, '.gitignore'), { force: true })
  reportSize(variant, out)
}

if (import.meta.main) {
  const wanted = process.argv.slice(2)
  const unknown = wanted.filter((name) => !(variants as readonly string[]).includes(name))
  if (unknown.length > 0) throw new Error(`expected some of ${variants.join(', ')}, got ${unknown}`)
  for (const variant of wanted.length > 0 ? (wanted as Variant[]) : variants) build(variant)
}
