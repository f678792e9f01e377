/**
 * Builds a module that only adds a replay of the kernels to the single variant, and runs it:
 * simd128 against the scalar definition, bit for bit, all lengths 0 … 1,100 and all alignments, of floats and of codes.
 */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { pack } from '../build.ts'

const out = mkdtempSync(join(tmpdir(), 'nearfield-replay-'))
try {
  pack('single', out, ['replay'])
  const glue = await import(pathToFileURL(join(out, 'nearfield_wasm.js')).href)
  await glue.default({ module_or_path: readFileSync(join(out, 'nearfield_wasm_bg.wasm')) })
  const compared: number = glue.replay_kernels()
  // Floats: 1,101 lengths × 16 offsets × 10 results; codes of either form: 19 lengths × 64 offsets × 5 results.
  // Fewer would mean a loop that was cut short.
  const wanted = 1101 * 16 * 10 + 2 * 19 * 64 * 5
  if (compared !== wanted) throw new Error(`expected ${wanted} comparisons, got ${compared}`)
  console.log(`simd128 agrees with scalar in ${compared} results`)
} finally {
  rmSync(out, { recursive: true, force: true })
}
