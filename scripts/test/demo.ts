/** The demo as a script would use it: in a pipe it is plain text, `--json` is one JSON document. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

const main = join(import.meta.dirname, '../../examples/verses/demo/main.ts')
const demo = (...args: string[]) =>
  execFileSync(process.execPath, [main, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })

const checks: Readonly<Record<string, () => void>> = {
  'a question in a pipe is answered in plain text'() {
    const text = demo('love your enemies')
    if (!/Matthew 5:44|Luke 6:27/.test(text))
      throw new Error(`expected Matthew 5:44 or Luke 6:27 among the answers, received:\n${text}`)
    if (text.includes('\u001b')) throw new Error('expected no control sequences in a pipe')
  },
  '--json is one document'() {
    const told = JSON.parse(demo('--json', 'love your enemies')) as object
    if (Object.keys(told).length === 0)
      throw new Error('expected an object with fields, received an empty one')
  },
}

let failed = 0
for (const [name, run] of Object.entries(checks)) {
  try {
    run()
    console.log(`ok ${name}`)
  } catch (error) {
    failed++
    console.log(`not ok ${name}: ${error instanceof Error ? error.message : error}`)
  }
}
console.log(`${Object.keys(checks).length - failed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
