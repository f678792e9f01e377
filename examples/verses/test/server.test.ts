/** The page's server: headers, types, and nothing outside its roots. */

import { request } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeLatest } from '../web/latest.ts'
import { type RunningServer, startServer } from '../web/server.ts'

let isolated: RunningServer
let plain: RunningServer
beforeAll(async () => {
  isolated = await startServer({ port: 0, isolated: true })
  plain = await startServer({ port: 0, isolated: false })
})
afterAll(() => Promise.all([isolated.close(), plain.close()]))

interface Raw {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: Buffer
}

/** `fetch` would tidy the path and unpack the body; these tests need both as they are. */
function raw(server: RunningServer, path: string, headers = {}, method = 'GET'): Promise<Raw> {
  const { port } = new URL(server.url)
  return new Promise((answered, failed) => {
    const asked = request({ host: '127.0.0.1', port, path, headers, method }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('end', () =>
        answered({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) }),
      )
    })
    asked.on('error', failed).end()
  })
}

describe('server', () => {
  it.each([
    ['/', 'text/html; charset=utf-8'],
    ['/web/style.css', 'text/css; charset=utf-8'],
    ['/web/page.ts', 'text/javascript; charset=utf-8'],
    ['/embedder/embedder.ts', 'text/javascript; charset=utf-8'],
    ['/web/favicon.svg', 'image/svg+xml'],
    ['/data/vocab.txt', 'text/plain; charset=utf-8'],
    ['/data/token-scales.f32', 'application/octet-stream'],
    ['/data/kjv.tsv.gz', 'application/gzip'],
  ])('%s is %s', async (path, type) => {
    const { status, headers } = await raw(isolated, path)
    expect(status).toBe(200)
    expect(headers['content-type']).toBe(type)
    expect(headers['x-content-type-options']).toBe('nosniff')
  })

  it('isolates, also in errors, and does not when told so', async () => {
    for (const path of ['/', '/web/page.ts', '/none']) {
      const { headers } = await raw(isolated, path)
      expect(headers['cross-origin-opener-policy']).toBe('same-origin')
      expect(headers['cross-origin-embedder-policy']).toBe('require-corp')
    }
    const { headers } = await raw(plain, '/')
    expect(headers).not.toHaveProperty('cross-origin-opener-policy')
    expect(headers).not.toHaveProperty('cross-origin-embedder-policy')
    expect(headers['content-security-policy']).toBe(
      "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'",
    )
  })

  it.each([
    '/none',
    '/web/',
    '/web/none.ts',
    '/web/../package.json',
    '/web/%2e%2e/package.json',
    '/web/..%2f..%2f..%2fpackage.json',
    '/data/..%5c..%5cpackage.json',
    '//etc/passwd',
    '/web//etc/hostname.txt',
    '/data/%00.txt',
    '/data/%zz.txt',
    '/constructor',
  ])('%s is not found', async (path) => {
    expect((await raw(isolated, path)).status).toBe(404)
  })

  it('answers GET and HEAD only', async () => {
    const head = await raw(isolated, '/data/vocab.txt', {}, 'HEAD')
    expect(head).toMatchObject({ status: 200 })
    expect(head.body).toHaveLength(0)
    expect(await raw(isolated, '/', {}, 'POST')).toMatchObject({ status: 405 })
  })

  it('packs text for those who take it, and says unchanged', async () => {
    const whole = await raw(isolated, '/data/vocab.txt')
    const packed = await raw(isolated, '/data/vocab.txt', { 'accept-encoding': 'gzip' })
    expect(packed.headers['content-encoding']).toBe('gzip')
    expect(packed.body.length).toBeLessThan(whole.body.length / 1.5)
    expect(gunzipSync(packed.body).equals(whole.body)).toBe(true)
    const again = await raw(isolated, '/data/vocab.txt', { 'if-none-match': whole.headers['etag'] })
    expect(again.status).toBe(304)
  })

  it('serves scripts without types, and the library by its path', async () => {
    const { body } = await raw(isolated, '/web/page.ts')
    const script = body.toString('utf8')
    expect(script).toContain("from '/nearfield/browser.js'")
    expect(script).not.toContain("'nearfield'")
    expect(script).not.toContain('interface ')
  })

  it('names a port that is taken', async () => {
    const port = Number(new URL(isolated.url).port)
    await expect(startServer({ port, isolated: true })).rejects.toThrow('EADDRINUSE')
  })
})

describe('latest', () => {
  it('runs one at a time, skips the overtaken, delivers only the newest', async () => {
    const started: string[] = []
    const delivered: string[] = []
    const finish = new Map<string, () => void>()
    const work = (text: string) =>
      new Promise<string>((done) => {
        started.push(text)
        finish.set(text, () => done(text))
      })
    const settle = () => new Promise((done) => setTimeout(done, 5))
    const latest = makeLatest(0, work, (text) => delivered.push(text), String)

    latest.ask('l')
    await settle()
    for (const text of ['lo', 'lov', 'love']) {
      latest.ask(text)
      await settle()
    }
    finish.get('l')?.()
    await settle()
    finish.get('love')?.()
    await settle()
    expect(started).toEqual(['l', 'love'])
    expect(delivered).toEqual(['love'])
  })

  it('goes on after a failure', async () => {
    const failures: unknown[] = []
    const delivered: string[] = []
    const work = async (text: string) => {
      if (text === 'bad') throw new Error('bad')
      return text
    }
    const latest = makeLatest(
      0,
      work,
      (text) => delivered.push(text),
      (error) => failures.push(error),
    )
    latest.ask('bad')
    await new Promise((done) => setTimeout(done, 5))
    latest.ask('good')
    await new Promise((done) => setTimeout(done, 5))
    expect(failures).toHaveLength(1)
    expect(delivered).toEqual(['good'])
  })
})
