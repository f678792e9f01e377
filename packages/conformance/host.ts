/**
 * The suite in Node, Deno or Bun: `<runtime> host.ts <backend> <write|read> <folder>`. One JSON line a
 * case on stdout. Node's modules are spoken by all three.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as nearfield from 'nearfield'
import { passes } from './cases/index.ts'
import { faultOf } from './fault.ts'
import { type Env, runCases } from './suite.ts'

const [backend, pass, folder] = process.argv.slice(2) as [Env['backend'], keyof typeof passes, string]
const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node'
const own = await mkdtemp(join(tmpdir(), 'nearfield-conformance-'))

const env: Env = {
  nearfield,
  runtime,
  backend,
  isa: process.env['NEARFIELD_ISA'] ?? null,
  exchange: {
    list: () => readdir(folder),
    read: async (name) => new Uint8Array(await readFile(join(folder, name))),
    write: (name, bytes) => writeFile(join(folder, name), bytes),
  },
  disk: {
    path: (name) => join(own, name),
    read: async (path) => new Uint8Array(await readFile(path)),
    write: (path, bytes) => writeFile(path, bytes),
    list: () => readdir(own),
  },
  fault: (kind) => faultOf(backend, kind),
  page: null,
}

try {
  await runCases(passes[pass], env, (outcome) => console.log(JSON.stringify(outcome)))
  console.log(JSON.stringify({ done: true }))
} finally {
  await rm(own, { recursive: true, force: true })
}
// A trapped module may leave a thread behind that will never end; the suite is over all the same.
process.exit(0)
