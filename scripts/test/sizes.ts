/** What a page downloads, gzipped, against its budget. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { gzipBytesMax } from '../../packages/wasm/build.ts'

const dist = join(import.meta.dirname, '../../packages/nearfield/dist')
const gzipped = (path: string) => gzipSync(readFileSync(path), { level: 9 }).length

/** The scripts of ours that these lead to, themselves included. */
function reached(entries: readonly string[]): ReadonlySet<string> {
  const found = new Set(entries)
  for (const name of found) {
    const source = readFileSync(join(dist, name), 'utf8')
    for (const [, next] of source.matchAll(/["'`]\.\/([\w-]+\.js)["'`]/g)) found.add(next!)
  }
  return found
}

const rows = [
  ...['threads', 'relaxed', 'single'].map((variant) => ({
    what: `${variant} module`,
    bytes: gzipped(join(dist, `wasm/${variant}/nearfield_wasm_bg.wasm`)),
    budget: gzipBytesMax,
  })),
  {
    what: 'JavaScript',
    bytes: [...reached(['browser.js', 'worker.js'])].reduce(
      (sum, name) => sum + gzipped(join(dist, name)),
      0,
    ),
    budget: 20_000,
  },
]
for (const { what, bytes, budget } of rows) {
  console.log(
    `${what.padEnd(16)} ${bytes.toLocaleString('en').padStart(9)} bytes gzip, budget ${budget.toLocaleString('en')}`,
  )
}
const failed = rows.filter(({ bytes, budget }) => bytes > budget || bytes === 0).length
console.log(`${rows.length - failed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
