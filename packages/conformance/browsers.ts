/** Finds and starts the browsers of the machine; nothing is downloaded. */
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, launch } from 'puppeteer-core'

export type BrowserName = 'chromium' | 'firefox'

const CANDIDATES: Readonly<Record<BrowserName, readonly string[]>> = {
  chromium: [
    'chromium',
    'chromium-browser',
    'google-chrome',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  ],
  firefox: ['firefox-esr', 'firefox', '/Applications/Firefox.app/Contents/MacOS/firefox'],
}

export function browserPath(name: BrowserName): string {
  const fromEnvironment = process.env[name === 'chromium' ? 'CHROMIUM' : 'FIREFOX']
  if (fromEnvironment) return fromEnvironment
  for (const candidate of CANDIDATES[name]) {
    const folders = candidate.startsWith('/') ? [''] : (process.env['PATH'] ?? '').split(delimiter)
    for (const folder of folders) {
      const path = join(folder, candidate)
      if (existsSync(path)) return path
    }
  }
  throw new Error(
    `expected ${name} on PATH (apt-get install ${CANDIDATES[name][0]}), or its path in ${name.toUpperCase()}`,
  )
}

export function startBrowser(name: BrowserName): Promise<Browser> {
  // Chromium refuses its sandbox to root, and /dev/shm may be small in a container.
  const args = name === 'chromium' ? ['--no-sandbox', '--disable-dev-shm-usage'] : []
  return launch({
    browser: name === 'chromium' ? 'chrome' : 'firefox',
    executablePath: browserPath(name),
    headless: true,
    args,
    protocolTimeout: 900_000,
  })
}
