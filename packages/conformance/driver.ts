/**
 * Runs the suite everywhere: `node driver.ts [--only native-node,…] [--json]`.
 *
 *   pass `write`: every runtime writes its files into one folder
 *   pass `read`:  every runtime opens all of them, then runs the other cases
 *
 * Ends with `N passed, N failed`; a runtime that ran nothing is a failure.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { type BrowserName, startBrowser } from './browsers.ts'
import { serve } from './server.ts'
import type { Env, Outcome } from './suite.ts'

type Pass = 'write' | 'read'
type Backend = Env['backend']
interface Target {
  readonly name: string
  readonly run: (pass: Pass, folder: string, tell: (outcome: Outcome) => void) => Promise<void>
}

const here = import.meta.dirname
const root = join(here, '../..')
const TARGET_MS_MAX = 180_000

function host(runtime: 'node' | 'deno' | 'bun', backend: Backend, isa?: 'simd128'): Target {
  const flags = { node: [], deno: ['run', '-A', '--node-modules-dir=manual'], bun: ['run'] }[runtime]
  return {
    name: [backend, ...(isa ? [isa] : []), runtime].join('-'),
    run: (pass, folder, tell) =>
      new Promise((done, failed) => {
        const command = process.platform === 'win32' ? `${runtime}.cmd` : runtime
        const child = spawn(command, [...flags, 'host.ts', backend, pass, folder], {
          cwd: here,
          env: { ...process.env, ...(isa && { NEARFIELD_ISA: isa }) },
          stdio: ['ignore', 'pipe', 'pipe'],
        })
        const timer = setTimeout(() => child.kill('SIGKILL'), TARGET_MS_MAX)
        let complete = false
        let noise = ''
        child.stderr.on('data', (chunk) => {
          noise = `${noise}${chunk}`.slice(-4000)
        })
        createInterface(child.stdout).on('line', (line) => {
          const message = line.startsWith('{') ? JSON.parse(line) : {}
          if (message.done) complete = true
          else if (message.case) tell(message)
        })
        child.on('error', failed)
        child.on('close', (code, signal) => {
          clearTimeout(timer)
          if (complete && code === 0) done()
          else failed(new Error(`${runtime} ended early with ${signal ?? `code ${code}`}\n${noise}`))
        })
      }),
  }
}

function page(browser: BrowserName, backend: Backend, isolated: boolean): Target {
  return {
    name: `${backend}-${browser}`,
    async run(pass, exchange, tell) {
      let over: () => void = () => {}
      const finished = new Promise<void>((done) => {
        over = done
      })
      const server = await serve({
        isolated,
        exchange,
        folders: { '/conformance/': here, '/nearfield/': join(root, 'packages/nearfield') },
        outcome: (message) => (message.done ? over() : tell(message as Outcome)),
      })
      const started = await startBrowser(browser)
      try {
        const tab = await started.newPage()
        // A script that does not load says nothing to the server; without this the run would wait its limit out.
        const broken = new Promise<never>((_, refuse) => {
          tab.on('pageerror', (error) => refuse(new Error(`the page failed: ${String(error)}`)))
          tab.on('requestfailed', (request) => {
            // Outcomes are posted without waiting for the answer: browsers count some of those as failed.
            if (request.resourceType() !== 'script') return
            refuse(new Error(`the page could not load ${request.url()}: ${request.failure()?.errorText}`))
          })
        })
        broken.catch(() => {}) // told by the race, or after the end of interest to nobody
        const asked = new URLSearchParams({
          runtime: browser,
          backend,
          pass,
          isolated: isolated ? 'yes' : 'no',
        })
        await tab.goto(`${server.origin}/conformance/page.html?${asked}`, { waitUntil: 'domcontentloaded' })
        await withinTarget(Promise.race([finished, broken]), browser)
      } finally {
        await started.close()
        await server.close()
      }
    },
  }
}

async function withinTarget(finished: Promise<void>, name: string): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, refuse) => {
    timer = setTimeout(
      () => refuse(new Error(`${name} did not finish within ${TARGET_MS_MAX} ms`)),
      TARGET_MS_MAX,
    )
  })
  await Promise.race([finished, late]).finally(() => clearTimeout(timer))
}

const TARGETS: readonly Target[] = [
  host('node', 'native'),
  host('deno', 'native'),
  host('bun', 'native'),
  host('node', 'wasm-threads'),
  // The build without relaxed SIMD, which engines that read it would never take.
  host('node', 'wasm-threads', 'simd128'),
  host('node', 'wasm'),
  page('chromium', 'wasm-threads', true),
  page('chromium', 'wasm', false),
  page('firefox', 'wasm-threads', true),
]

const { values } = parseArgs({
  options: { only: { type: 'string' }, json: { type: 'boolean', default: false } },
})
const wanted = values.only?.split(',')
const targets = TARGETS.filter(({ name }) => wanted?.includes(name) ?? true)
const unknown = wanted?.filter((name) => !TARGETS.some((target) => target.name === name)) ?? []
if (unknown.length > 0)
  throw new Error(`expected some of ${TARGETS.map(({ name }) => name).join(', ')}, received ${unknown}`)

const total = { passed: 0, failed: 0 }
const say = (line: string) => (values.json ? process.stderr : process.stdout).write(`${line}\n`)

async function runPass(target: Target, pass: Pass, folder: string): Promise<void> {
  const count = { passed: 0, failed: 0 }
  const started = performance.now()
  const fail = (name: string, error: string) => {
    count.failed++
    say(`  FAILED ${target.name}: ${name}\n    ${error.replaceAll('\n', '\n    ')}`)
  }
  try {
    await target.run(pass, folder, (outcome) => {
      if (outcome.ok) count.passed++
      else fail(outcome.case, outcome.error ?? 'no reason given')
    })
    if (count.passed + count.failed === 0) fail('the suite', 'ran no cases')
  } catch (error) {
    fail('the runtime', String(error instanceof Error ? error.message : error))
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  say(
    `  ${target.name.padEnd(22)} ${pass.padEnd(6)} ${count.passed} passed, ${count.failed} failed  ${seconds} s`,
  )
  total.passed += count.passed
  total.failed += count.failed
}

const folder = await mkdtemp(join(tmpdir(), 'nearfield-exchange-'))
try {
  for (const pass of ['write', 'read'] as const) {
    for (const target of targets) await runPass(target, pass, folder)
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}
if (values.json) console.log(JSON.stringify(total))
say(`${total.passed} passed, ${total.failed} failed`)
process.exit(total.failed > 0 || total.passed === 0 ? 1 : 0)
