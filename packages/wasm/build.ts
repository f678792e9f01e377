/**
 * Builds the WebAssembly variants: `node packages/wasm/build.ts [threads|single] …`.
 *
 *   toolchain.ts   which cargo and rustc, and what is missing
 *   wasm-pack      cargo build with std built for the variant's flags → wasm-bindgen → wasm-opt -O3
 *   here           our pool starters in the place of wasm-bindgen-rayon's, then sizes and the budget
 */

import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { findToolchain, root } from './toolchain.ts'

export type Variant = 'threads' | 'single'

const gzipBytesMax = 300_000

// Every flag has a reason; see "Flags" in README.md.
const features = { single: '+simd128,+bulk-memory', threads: '+simd128,+bulk-memory,+atomics' }
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

function rustFlags(variant: Variant): string[] {
  const flags = ['-Cpanic=unwind', `-Ctarget-feature=${features[variant]},+exception-handling`]
  const linked = variant === 'threads' ? sharedMemory : ['--max-memory=4294967296']
  return [...flags, ...linked.map((argument) => `-Clink-arg=${argument}`)]
}

/** Runs wasm-pack; `crateFeatures` beside `threads` are for tests. */
export function pack(variant: Variant, out: string, crateFeatures: readonly string[] = []): void {
  const toolchain = findToolchain()
  console.log(`wasm ${variant}: ${toolchain.name}`)
  const targetDir = process.env[`NEARFIELD_TARGET_WASM_${variant.toUpperCase()}`]
  const enabled = variant === 'threads' ? ['threads', ...crateFeatures] : crateFeatures
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
      ...['-Zbuild-std=std,panic_unwind', '--locked', `--features=${enabled.join(',')}`],
      `--target-dir=${targetDir ?? join(root, `target-wasm-${variant}`)}`,
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

/** Puts the starters beside the glue and lets the glue ask them; see README.md, "Loading". */
function installPool(out: string): void {
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
  if (variant === 'threads') installPool(out)
  rmSync(join(out, '.gitignore'), { force: true })
  reportSize(variant, out)
}

if (import.meta.main) {
  const wanted = process.argv.slice(2)
  for (const name of wanted) {
    if (name !== 'threads' && name !== 'single') throw new Error(`expected threads or single, got ${name}`)
  }
  const variants: Variant[] = wanted.length > 0 ? (wanted as Variant[]) : ['threads', 'single']
  for (const variant of variants) build(variant)
}
