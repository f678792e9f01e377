/** Node, Deno and Bun: the addon, else WebAssembly in this process; files by path. */
import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NearfieldError } from '../api/errors.ts'
import type { Host, Place } from '../api/host.ts'
import { checkBackend } from '../api/options.ts'
import type { Backend } from '../backend.ts'
import { Choices } from '../backends/choose.ts'
import type { Loader } from '../backends/loader.ts'
import { loadNativeBackend } from '../backends/native.ts'
import { threadsVariant } from '../backends/relaxed.ts'
import { createWasmBackend, type WasmVariant } from '../backends/wasm.ts'
import { nodeFiles } from './node-files.ts'

export function nodeHost(): Host {
  return {
    choices: new Choices([
      { kind: 'native', load: () => loadNativeBackend() },
      { kind: 'wasm-threads', load: wasm(() => threadsVariant(variable('NEARFIELD_ISA'))) },
      { kind: 'wasm', load: wasm(() => 'single') },
    ]),
    files: nodeFiles(),
    locate,
    preferences: {
      get backend() {
        return backendPreference()
      },
      get isa() {
        return variable('NEARFIELD_ISA')
      },
    },
  }
}

/** A glue module is one instance and its pool is started through a hook they share: one at a time, each its own. */
let starting: Promise<unknown> = Promise.resolve()
const started: Record<WasmVariant, number> = { threads: 0, relaxed: 0, single: 0 }

function wasm(variant: () => WasmVariant): Loader {
  return (threads, died) => {
    const backend = starting.then(() => startWasm(variant(), threads, died))
    starting = backend.catch(() => {}) // the next one starts all the same
    return backend
  }
}

async function startWasm(
  variant: WasmVariant,
  threads: number,
  died: (cause: unknown) => void,
): Promise<Backend> {
  const folder = new URL(`./wasm/${variant}/`, import.meta.url)
  const module = await readFile(new URL('nearfield_wasm_bg.wasm', folder)).catch((cause: unknown) => {
    throw new NearfieldError(
      'BACKEND',
      `the WebAssembly build is missing: no wasm/${variant} beside nearfield`,
      { cause },
    )
  })
  const generation = started[variant]++
  const glue = copyOf(new URL('nearfield_wasm.js', folder), generation)
  const pool = new URL('pool-node.js', folder)
  return createWasmBackend({
    variant,
    threads: threads || availableParallelism(),
    why:
      variant === 'single'
        ? 'WebAssembly in this process, one thread'
        : 'WebAssembly in this process, with threads',
    died,
    load: async () => ({
      glue: await import(glue),
      module,
      ...(variant !== 'single' && { pool: await import(pool.href) }),
    }),
  })
}

/**
 * Another instance of a module at every generation. Bun tells modules apart by the query of a path, not
 * of a file URL; Node and Deno the other way round.
 */
function copyOf(module: URL, generation: number): string {
  if (generation === 0) return module.href
  return `${'Bun' in globalThis ? fileURLToPath(module) : module.href}?${generation}`
}

function locate(source: string | URL): Place {
  const address =
    typeof source === 'string' && !/^(https?|file|data|blob):/i.test(source) ? null : new URL(source)
  if (address === null) return { path: resolve(source as string) }
  return address.protocol === 'file:' ? { path: fileURLToPath(address) } : { url: address }
}

function backendPreference(): Host['preferences']['backend'] {
  const value = variable('NEARFIELD_BACKEND')
  if (value !== undefined) checkBackend(value, 'NEARFIELD_BACKEND')
  return value
}

/** Deno may forbid looking; then it is not set. */
function variable(name: string): string | undefined {
  try {
    return process.env[name] || undefined
  } catch {
    return undefined
  }
}
