/**
 * Builds the addon and puts it beside the loader; with `--pack` into its platform's package too.
 *
 *   node packages/native/build.ts [--target <rust target>] [--pack]
 *
 * Cargo's target folder is CARGO_TARGET_DIR or `target`.
 */

import { spawnSync } from 'node:child_process'
import { copyFileSync, renameSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const here = dirname(fileURLToPath(import.meta.url))
const root = resolve(here, '../..')

/** Rust target → platform package and the cdylib's file name. */
const targets: Record<string, { platform: string; file: string }> = {
  'x86_64-unknown-linux-gnu': { platform: 'linux-x64-gnu', file: 'libnearfield_napi.so' },
  'x86_64-unknown-linux-musl': { platform: 'linux-x64-musl', file: 'libnearfield_napi.so' },
  'aarch64-unknown-linux-gnu': { platform: 'linux-arm64-gnu', file: 'libnearfield_napi.so' },
  'aarch64-unknown-linux-musl': { platform: 'linux-arm64-musl', file: 'libnearfield_napi.so' },
  'x86_64-apple-darwin': { platform: 'darwin-x64', file: 'libnearfield_napi.dylib' },
  'aarch64-apple-darwin': { platform: 'darwin-arm64', file: 'libnearfield_napi.dylib' },
  'x86_64-pc-windows-msvc': { platform: 'win32-x64-msvc', file: 'nearfield_napi.dll' },
  'aarch64-pc-windows-msvc': { platform: 'win32-arm64-msvc', file: 'nearfield_napi.dll' },
}

function run(command: string, args: readonly string[]): string {
  const done = spawnSync(command, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  if (done.error) throw new Error(`${command}: ${done.error.message}`)
  if (done.status !== 0)
    throw new Error(`${command} ${args.join(' ')} ended with ${done.status ?? done.signal}`)
  return done.stdout
}

function hostTarget(): string {
  const host = /^host: (.+)$/m.exec(run('rustc', ['-vV']))?.[1]
  if (!host) throw new Error('rustc -vV names no host')
  return host
}

/** A running process may have the old file mapped: the new one takes its name, not its pages. */
function place(from: string, to: string): void {
  copyFileSync(from, `${to}.new`)
  renameSync(`${to}.new`, to)
}

function main(): void {
  const { values } = parseArgs({
    options: { target: { type: 'string' }, pack: { type: 'boolean', default: false } },
  })
  const target = values.target ?? hostTarget()
  const known = targets[target]
  if (!known) throw new Error(`no package for ${target}; there are: ${Object.keys(targets).join(', ')}`)

  const cross = values.target ? ['--target', target] : []
  run('cargo', [
    'build',
    '--release',
    '--locked',
    '-p',
    'nearfield-napi',
    '--config',
    'profile.release.strip="symbols"',
    ...cross,
  ])

  const folder = resolve(
    root,
    process.env['CARGO_TARGET_DIR'] ?? 'target',
    values.target ? target : '.',
    'release',
  )
  const built = join(folder, known.file)
  const name = `nearfield.${known.platform}.node`
  place(built, join(here, name))
  if (values.pack) place(built, join(here, 'npm', known.platform, name))
  console.log(`${name}: ${(statSync(built).size / 1024).toFixed(0)} KB`)
}

main()
