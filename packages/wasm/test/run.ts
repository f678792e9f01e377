/** Runs this package's tests in the runtime that runs it, after `build.ts`; under Node in Deno and Bun too. */

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { testFaults } from './faults.ts'
import { testFiles } from './files.ts'
import { variants } from './load.ts'

const tests = { 'panics and traps': testFaults, 'files and answers': testFiles }
const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node'
let failed = 0

for (const [name, test] of Object.entries(tests)) {
  try {
    await test()
    console.log(`${runtime}: ${name} passed (${variants.join(', ')})`)
  } catch (error) {
    failed += 1
    console.error(`${runtime}: ${name} FAILED`, error)
  }
}
if (runtime === 'node') {
  const self = fileURLToPath(import.meta.url)
  for (const command of [
    ['deno', 'run', '-A', self],
    ['bun', self],
  ]) {
    const [program = '', ...rest] = command
    if (spawnSync(program, rest, { stdio: 'inherit' }).status !== 0) failed += 1
  }
}
process.exit(failed > 0 ? 1 : 0)
