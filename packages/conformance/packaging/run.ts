/**
 * What a user gets: packs the packages, installs the tarballs into an empty project, and runs the
 * README's snippets there, each in its own runtime. Ends with `N passed, N failed`.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBrowser } from '../browsers.ts'
import { serve } from '../server.ts'
import { lint, type Packed, packAll, typesResolve } from './pack.ts'
import { run } from './run-command.ts'
import { readSnippets } from './snippets.ts'

let passed = 0
let failed = 0

async function test(name: string, body: () => Promise<void>): Promise<void> {
  try {
    await body()
    passed++
    console.log(`ok ${name}`)
  } catch (error) {
    failed++
    console.log(`not ok ${name}: ${error instanceof Error ? error.message : error}`)
  }
}

function expectText(text: string, pattern: RegExp): void {
  if (!pattern.test(text)) throw new Error(`expected ${pattern}, received:\n${text}`)
}

async function install(project: string, packages: readonly Packed[]): Promise<void> {
  await mkdir(project)
  const dependencies = Object.fromEntries(packages.map(({ name, tarball }) => [name, `file:${tarball}`]))
  await writeFile(
    join(project, 'package.json'),
    JSON.stringify({ name: 'empty', private: true, type: 'module', dependencies }),
  )
  await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'], project)
}

async function pageText(folder: string, path: string, isolated: boolean): Promise<string> {
  const server = await serve({ isolated, folders: { '/': `${folder}/` } })
  const browser = await startBrowser('chromium')
  try {
    const tab = await browser.newPage()
    const errors: string[] = []
    tab.on('pageerror', (error) => errors.push(String(error)))
    await tab.goto(`${server.origin}${path}`)
    await tab
      .waitForFunction(() => (document.body?.textContent ?? '').includes('vectors on'), { timeout: 60_000 })
      .catch((error: Error) => {
        throw new Error(`${error.message} ${errors.join('; ')}`)
      })
    return await tab.evaluate(() => document.body.textContent ?? '')
  } finally {
    await browser.close()
    await server.close()
  }
}

const folder = await mkdtemp(join(tmpdir(), 'nearfield-packaging-'))
const project = join(folder, 'project')
const bin = join(import.meta.dirname, '../../../node_modules/.bin')
try {
  const snippets = readSnippets()
  const everything = await packAll(folder)
  const packages = everything.slice(0, -1) // without the command
  for (const each of everything) await test(`publint ${each.name}`, () => lint(each, folder))
  for (const each of packages.slice(0, 2)) await test(`attw ${each.name}`, () => typesResolve(each, folder))
  await test('the facade holds every WebAssembly build whole', async () => {
    const pool = [
      'pool-hook.js',
      'pool-trap.js',
      'pool-node.js',
      'pool-web.js',
      'pool-worker-node.js',
      'pool-worker.js',
    ]
    const module = ['nearfield_wasm.js', 'nearfield_wasm_bg.wasm']
    const wanted = Object.entries({
      threads: [...module, ...pool],
      relaxed: [...module, ...pool],
      single: module,
    })
    for (const [variant, names] of wanted) {
      for (const name of names)
        expectText(packages[0]!.files.join('\n'), new RegExp(`^dist/wasm/${variant}/${name}$`, 'm'))
    }
  })
  await test('the tarballs install into an empty project', () => install(project, packages))
  for (const runtime of ['node', 'deno', 'bun'] as const) {
    const command = { node: ['node'], deno: ['deno', 'run', '-A'], bun: ['bun'] }[runtime]
    await writeFile(join(project, `${runtime}.mjs`), snippets[runtime])
    await test(`the README's snippet for ${runtime}`, async () => {
      expectText(
        await run(join(bin, command[0]!), [...command.slice(1), `${runtime}.mjs`], project),
        /1000 native/,
      )
    })
  }
  await test('the command from its tarball generates and verifies', async () => {
    const command = join(folder, 'command')
    await install(command, everything)
    const gen = ['gen', '--size', '3MB', '--seed', '7', '--out', 'made']
    await run(join(command, 'node_modules/.bin/nearfield'), gen, command)
    await run(join(command, 'node_modules/.bin/nearfield'), [...gen, '--verify'], command)
  })
  await test('without the native package Node falls back to WebAssembly and says why', async () => {
    const lean = join(folder, 'lean')
    await install(lean, packages.slice(0, 2)) // the loader without a binary
    await writeFile(
      join(lean, 'node.mjs'),
      `${snippets.deno}\nconsole.log(index.backend.why, index.backend.simd)\n`,
    )
    const text = await run(join(bin, 'node'), ['node.mjs'], lean)
    expectText(text, /1000 wasm-threads/)
    expectText(text, /no native \(.* relaxed-simd$/m)
  })
  // In the head: a script's own text counts as text of the body.
  const page = (script: string) =>
    `<!doctype html><meta charset="utf-8"><title>nearfield</title>${script}<body></body>`
  await test('the README’s page built by Vite, isolated and not', async () => {
    await writeFile(join(project, 'index.html'), page('<script type="module" src="./vite.js"></script>'))
    await writeFile(join(project, 'vite.js'), snippets.vite)
    await writeFile(join(project, 'vite.config.js'), "export default { worker: { format: 'es' } }\n")
    await run(join(bin, 'vite'), ['build', '--logLevel', 'warn', '--outDir', 'built'], project)
    expectText(
      await pageText(join(project, 'built'), '/index.html', true),
      /1000 vectors on wasm-threads, nearest 0/,
    )
    expectText(
      await pageText(join(project, 'built'), '/index.html', false),
      /1000 vectors on wasm, nearest 0/,
    )
  })
  await test('the README’s plain page, isolated and not', async () => {
    await writeFile(join(project, 'plain.html'), page(snippets.plain))
    expectText(await pageText(project, '/plain.html', true), /1000 vectors on wasm-threads, nearest 0/)
    expectText(await pageText(project, '/plain.html', false), /1000 vectors on wasm, nearest 0/)
  })
} finally {
  await rm(folder, { recursive: true, force: true })
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed > 0 || passed === 0 ? 1 : 0)
