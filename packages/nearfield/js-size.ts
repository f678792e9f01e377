/** Prints the size of the facade's JavaScript, gzipped, and fails over the budget. */
import { readdirSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const BYTES_MAX = 20 * 1024
const dist = new URL('./dist/', import.meta.url)

let total = 0
for (const file of readdirSync(dist).filter((name) => name.endsWith('.js'))) {
  const bytes = gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length
  total += bytes
  console.log(`${file.padEnd(24)} ${bytes.toString().padStart(6)} B gzip`)
}
console.log(`${'all JavaScript'.padEnd(24)} ${total.toString().padStart(6)} B gzip, budget ${BYTES_MAX}`)
if (total > BYTES_MAX) process.exitCode = 1
