/**
 * Everything CI runs, in order: `npm test`, or `npm test -- --only rust,conformance` for some suites.
 *
 *   suites.ts    what there is to run, and how each tells its count
 *   here         a live line each, the failing one's output, a table, and `N passed, N failed`
 *
 * A check (format, lint, …) counts as one test. A suite that ran nothing failed.
 */
import { parseArgs } from 'node:util'
import { execute } from './test/execute.ts'
import { SUITES, type Suite } from './test/suites.ts'

interface Row {
  readonly suite: Suite
  readonly passed: number
  readonly failed: number
  readonly seconds: number
  readonly left?: string
}

const { values } = parseArgs({
  options: { only: { type: 'string' }, list: { type: 'boolean', default: false } },
})
const wanted = values.only?.split(',')
if (values.list) {
  for (const { name, what } of SUITES) console.log(`${name.padEnd(20)} ${what}`)
  process.exit(0)
}
const chosen = SUITES.filter(
  ({ name, group }) => wanted === undefined || wanted.includes(name) || wanted.includes(group),
)
const known = new Set(SUITES.flatMap(({ name, group }) => [name, group]))
const strange = wanted?.filter((name) => !known.has(name)) ?? []
if (strange.length > 0) {
  console.error(`expected suites among ${[...known].join(', ')}, received ${strange.join(', ')}`)
  process.exit(2)
}

async function runSuite(suite: Suite): Promise<Row> {
  const left = suite.leaveOut?.()
  if (left !== undefined) {
    console.log(`left out  ${suite.name.padEnd(20)} ${left}`)
    return { suite, passed: 0, failed: 0, seconds: 0, left }
  }
  const started = performance.now()
  if (process.stdout.isTTY) process.stdout.write(`running   ${suite.name.padEnd(20)} ${suite.what}\r`)
  const ended = await execute(suite.command, suite.env ?? {}, suite.minutesMax ?? 10)
  const seconds = (performance.now() - started) / 1000
  let { passed, failed } = suite.count(ended.output, ended.code)
  let why = ''
  if (ended.code !== 0 && failed === 0) failed = 1
  if (passed + failed === 0) {
    failed = 1
    why = 'it ran no tests'
  }
  const verdict = failed > 0 ? 'FAILED ' : 'passed '
  console.log(
    `${verdict}   ${suite.name.padEnd(20)} ${passed} passed, ${failed} failed, ${seconds.toFixed(1)} s${' '.repeat(20)}`,
  )
  if (failed > 0) {
    if (why) console.log(`          ${why}`)
    // The verdicts first: what led to them may be long.
    const lines = ended.output.split('\n')
    const verdicts = lines.filter((line) => /^\s*(FAILED|FAIL|not ok|error)\b/.test(line))
    for (const line of verdicts.slice(0, 40)) console.log(`          ${line.trim()}`)
    console.log(ended.output.slice(-12_000).replace(/^/gm, '          '))
  } else if (suite.show)
    console.log(
      ended.output
        .split('\n')
        .filter((line) => suite.show!.test(line))
        .join('\n'),
    )
  return { suite, passed, failed, seconds }
}

const rows: Row[] = []
for (const suite of chosen) rows.push(await runSuite(suite))

console.log(
  `\n${'suite'.padEnd(20)} ${'passed'.padStart(7)} ${'failed'.padStart(7)} ${'seconds'.padStart(8)}`,
)
for (const { suite, passed, failed, seconds, left } of rows) {
  const numbers =
    left === undefined
      ? `${String(passed).padStart(7)} ${String(failed).padStart(7)} ${seconds.toFixed(1).padStart(8)}`
      : `left out: ${left}`
  console.log(`${suite.name.padEnd(20)} ${numbers}`)
}
const passed = rows.reduce((sum, row) => sum + row.passed, 0)
const failed = rows.reduce((sum, row) => sum + row.failed, 0)
console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0
