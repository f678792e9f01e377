/**
 * Which compiler builds WebAssembly. Threads and unwinding need a standard library built with the
 * same flags, hence its source: Debian's packages, or a nightly of rustup with `rust-src`. A release makes the
 * same modules for months, a nightly others every day, so the former come first.
 */

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'

export const root = dirname(dirname(import.meta.dirname))

export interface Toolchain {
  readonly name: string
  /** Compiler flags this toolchain needs besides the variant's. */
  readonly flags: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

// wasm-pack has no option for the compiler, so the right cargo and rustc come first on PATH; as two
// small scripts, because the folder of Debian's compiler holds an old wasm-opt too.
function searchPath(): string {
  const own = [join(import.meta.dirname, 'shim'), join(root, '.tools/bin'), join(root, 'node_modules/.bin')]
  return [...own, process.env.PATH ?? ''].join(delimiter)
}

function output(command: string, ...args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
}

function environment(bin: string, library: string): Record<string, string> {
  const rustc = join(bin, 'rustc')
  return {
    PATH: searchPath(),
    RUSTC: rustc,
    NEARFIELD_CARGO: join(bin, 'cargo'),
    NEARFIELD_RUSTC: rustc,
    NEARFIELD_RUST_LIBRARY: library,
  }
}

function rustupNightly(): Toolchain | undefined {
  const rustc = output('rustup', 'which', '--toolchain', 'nightly', 'rustc')
  if (rustc === undefined) return undefined
  const bin = dirname(rustc)
  const library = join(bin, '../lib/rustlib/src/rust/library')
  if (!existsSync(join(library, 'Cargo.lock'))) return undefined
  return { name: `rustup nightly, ${output(rustc, '--version')}`, flags: [], env: environment(bin, library) }
}

function debian(): Toolchain | undefined {
  const library = '/usr/lib/rustlib/src/rust/library'
  const needed = ['/usr/bin/cargo', '/usr/bin/rustc', join(library, 'Cargo.lock'), '/usr/bin/wasm-ld-22']
  if (!needed.every((path) => existsSync(path))) return undefined
  return {
    name: `Debian, ${output('/usr/bin/rustc', '--version')}`,
    flags: ['-Clinker=wasm-ld-22', '-Clinker-flavor=wasm-ld'],
    env: environment('/usr/bin', library),
  }
}

function requireTool(name: string, remedy: string, path: string): void {
  if (path.split(delimiter).some((folder) => existsSync(join(folder, name)))) return
  throw new Error(`building WebAssembly needs ${name}: ${remedy}`)
}

/** The first of Debian's packages and rustup's nightly that is whole. */
export function findToolchain(): Toolchain {
  const toolchain = debian() ?? rustupNightly()
  if (toolchain === undefined) {
    throw new Error(
      [
        'building WebAssembly needs a Rust compiler with the source of its standard library; one of:',
        '  apt-get install rustc-web cargo-web rust-web-src rust-web-llvm lld-22',
        '  rustup toolchain install nightly --component rust-src',
      ].join('\n'),
    )
  }
  const path = toolchain.env.PATH ?? ''
  requireTool('wasm-pack', 'cargo install wasm-pack --root .tools', path)
  requireTool('wasm-bindgen', 'cargo install wasm-bindgen-cli --version 0.2.130 --root .tools', path)
  requireTool('wasm-opt', 'the binaryen package among the root devDependencies; npx pnpm install', path)
  return toolchain
}
