/**
 * The page in Chromium, with and without isolation: types a question, looks for the verse everybody
 * knows, reads the badge, and leaves screenshots. Called by the test runner, or alone:
 * `node examples/verses/test/web.browser.ts [folder for screenshots]`.
 */

import { ok } from 'node:assert/strict'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { ensureIndexFile, startServer } from '../web/serve.ts'

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
const SIZES = { desktop: { width: 1200, height: 800 }, phone: { width: 390, height: 844 } } as const
const QUESTION = 'love your enemies'
const EXPECTED = 'Luke 6:27'
const WAIT_MS = 60_000

export interface Checked {
  readonly name: string
  readonly screenshots: readonly string[]
}

export async function checkPage(folder: string): Promise<Checked[]> {
  await ensureIndexFile(AbortSignal.timeout(300_000))
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS })
  try {
    return [await checkOne(browser, folder, true), await checkOne(browser, folder, false)]
  } finally {
    await browser.close()
  }
}

async function checkOne(browser: Browser, folder: string, isolated: boolean): Promise<Checked> {
  const server = await startServer({ port: 0, isolated })
  const name = isolated ? 'isolated' : 'not-isolated'
  const screenshots: string[] = []
  const context = await browser.newContext({ viewport: SIZES.desktop })
  try {
    const page = await context.newPage()
    const complaints: string[] = []
    const origin = new URL(server.url).origin
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
    page.on('request', (request) => {
      if (!request.url().startsWith(origin)) complaints.push(`request leaves the page: ${request.url()}`)
    })
    await page.goto(server.url)
    await page.locator('#question').pressSequentially(QUESTION)
    await checkAnswer(page, isolated)
    for (const [size, viewport] of Object.entries(SIZES)) {
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.setViewportSize(viewport)
        await page.emulateMedia({ colorScheme })
        const path = join(folder, `${name}-${size}-${colorScheme}.png`)
        await page.screenshot({ path })
        screenshots.push(path)
      }
    }
    await page.setViewportSize({ width: 360, height: 740 })
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
    ok(overflow <= 0, `at 360 px the page is ${overflow} px too wide`)
    ok(complaints.length === 0, `the page complained: ${complaints.join('; ')}`)
    return { name, screenshots }
  } finally {
    await context.close()
    await server.close()
  }
}

async function checkAnswer(page: Page, isolated: boolean): Promise<void> {
  await page.locator('.reference', { hasText: EXPECTED }).waitFor({ timeout: WAIT_MS })
  await page.locator('#badge-recall', { hasText: /^[01]\.\d{3}$/ }).waitFor({ timeout: WAIT_MS })
  const text = async (id: string) => (await page.locator(id).textContent()) ?? ''
  const backend = await text('#badge-backend')
  const threads = Number(await text('#badge-threads'))
  const recall = Number(await text('#badge-recall'))
  ok(recall >= 0.9 && recall <= 1, `recall: expected 0.9 to 1, received ${recall}`)
  ok(/^\d+\.\d+$/.test(await text('#badge-time')), 'ms per query: expected a number')
  const note = page.locator('#one-thread')
  if (isolated) {
    ok(/threads/.test(backend), `backend: expected threads, received "${backend}"`)
    const machine = await page.evaluate(() => navigator.hardwareConcurrency)
    ok(threads > 1 || machine === 1, `threads: expected more than 1, received ${threads}`)
    ok((await note.isVisible()) === (threads === 1), 'the note on one thread does not fit the badge')
  } else {
    ok(!/threads/.test(backend) && threads === 1, `expected one thread, received "${backend}", ${threads}`)
    ok(/isolated/.test((await note.textContent()) ?? ''), 'the note must say that the page is not isolated')
  }
}

if (import.meta.main) {
  const folder = process.argv[2] ?? (await mkdtemp(join(tmpdir(), 'verses-')))
  const pages = await checkPage(folder)
  for (const { name, screenshots } of pages) {
    console.log(`passed  page, ${name}`)
    for (const path of screenshots) console.log(`        ${path}`)
  }
  console.log(`${pages.length} passed, 0 failed`) // a failure throws
}
