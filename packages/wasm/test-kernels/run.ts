/**
 * Builds modules that only add a replay of the kernels to a variant, and runs them: every set they hold
 * against the scalar definition, bit for bit, all lengths 0 … 1,100 and all alignments, of floats and of
 * codes.
 */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { installPool, pack, type Variant } from '../build.ts'

/** What each variant's module must hold besides the definition. */
const sets: Partial<Record<Variant, readonly string[]>> = {
  single: ['simd128'],
  relaxed: ['relaxed-simd', 'simd128'],
}

// Floats: 1,101 lengths × 16 offsets × 10 results; codes of either form: 19 lengths × 64 offsets × 5
// results, and 0 to 32 rows by one call of 18 lengths; tiles of 0 to 200 steps, of codes and of floats; strips of
// 37 lengths for each of four queries, alone and together, and lists of 0 to 200 integers, six halvings each; 16 dimensions
// rotated there and back, and their tables by one to eight numbers of either kind. Fewer would mean a loop that was cut
// short.
const results =
  1101 * 16 * 10 + 2 * (19 * 64 * 5 + 33 * 18) + 2 * 201 + 37 * 4 * 2 + 201 * 6 + 16 * (2 + 8 * 2)

for (const [variant, wanted] of Object.entries(sets) as [Variant, readonly string[]][]) {
  const out = mkdtempSync(join(tmpdir(), 'nearfield-replay-'))
  try {
    pack(variant, out, ['replay'])
    if (variant !== 'single') installPool(out)
    const glue = await import(pathToFileURL(join(out, 'nearfield_wasm.js')).href)
    await glue.default({ module_or_path: readFileSync(join(out, 'nearfield_wasm_bg.wasm')) })
    const found: string[] = glue.replayed_sets()
    if (found.join() !== wanted.join())
      throw new Error(`${variant}: expected the sets ${wanted}, got ${found}`)
    const compared: number = glue.replay_kernels()
    if (compared !== wanted.length * results) {
      throw new Error(`${variant}: expected ${wanted.length * results} comparisons, got ${compared}`)
    }
    console.log(`${wanted.join(' and ')} agree with scalar in ${compared} results`)
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}
