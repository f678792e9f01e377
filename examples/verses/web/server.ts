/**
 * A small static server for the page, on this machine only.
 *
 * Invariants: only files under the roots below and of a known type are ever read; every answer, also
 * an error, carries the same security headers, because a worker's script needs isolation headers too.
 *
 *   /               web/index.html        /data/…       the embedder's files, the verses
 *   /web/…          page code             /verses.nfx   the index the command-line demo uses
 *   /embedder/…     shared with Node      /nearfield/…  the library's dist, as published
 *
 * TypeScript is served with its types blanked out; the bare name `nearfield` becomes a path, because
 * an inline import map would need a hole in the content security policy.
 */

import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { stripTypeScriptTypes } from 'node:module'
import { extname, resolve, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { INDEX_FILE } from '../demo/index-file.ts'

export interface ServerOptions {
  /** 0 takes any free port. */
  readonly port: number
  /** Cross-origin isolation, without which a page gets no threads. */
  readonly isolated: boolean
}

export interface RunningServer {
  /** `http://127.0.0.1:8080/` */
  readonly url: string
  close(): Promise<void>
}

const folder = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const ROOTS: readonly (readonly [prefix: string, root: string])[] = [
  ['/web/', folder('./')],
  ['/embedder/', folder('../embedder/')],
  ['/data/', folder('../data/')],
  ['/nearfield/', folder('../../../packages/nearfield/dist/')],
]
const FILES: Readonly<Record<string, string>> = {
  '/': folder('./index.html'),
  '/verses.nfx': INDEX_FILE.hnsw,
}
const LIBRARY_ENTRY = '/nearfield/browser.js'

interface Type {
  readonly mime: string
  readonly gzip?: boolean
}
const SCRIPT: Type = { mime: 'text/javascript; charset=utf-8', gzip: true }
const BYTES: Type = { mime: 'application/octet-stream' }
const TYPES: Readonly<Record<string, Type>> = {
  '.html': { mime: 'text/html; charset=utf-8', gzip: true },
  '.css': { mime: 'text/css; charset=utf-8', gzip: true },
  '.svg': { mime: 'image/svg+xml', gzip: true },
  '.txt': { mime: 'text/plain; charset=utf-8', gzip: true },
  '.json': { mime: 'application/json', gzip: true },
  '.wasm': { mime: 'application/wasm', gzip: true },
  '.ts': SCRIPT,
  '.js': SCRIPT,
  // Packed already; the page unpacks it itself, so this must not be a Content-Encoding.
  '.gz': { mime: 'application/gzip' },
  '.nfx': BYTES,
  '.i8': BYTES,
  '.f32': BYTES,
}

export async function startServer({ port, isolated }: ServerOptions): Promise<RunningServer> {
  const packed = new Map<string, Buffer>()
  const server = createServer((request, response) => {
    answer(request, response, isolated, packed).catch((error: NodeJS.ErrnoException) => {
      // A reader that went away needs no answer.
      if (response.headersSent) response.destroy()
      else refuse(response, error.code === 'ENOENT' ? 404 : 500)
    })
  })
  await new Promise<void>((listening, failed) => {
    server.once('error', failed)
    server.listen(port, '127.0.0.1', listening)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return {
    url: `http://127.0.0.1:${address.port}/`,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed())
        server.closeAllConnections()
      }),
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  isolated: boolean,
  packed: Map<string, Buffer>,
): Promise<void> {
  setPolicy(response, isolated)
  if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405)
  const file = fileOf(request.url ?? '/')
  const type = file === undefined ? undefined : TYPES[extname(file)]
  if (file === undefined || type === undefined) return refuse(response, 404)
  const { size, mtimeMs, isFile } = await stat(file).then((s) => ({ ...s, isFile: s.isFile() }))
  if (!isFile) return refuse(response, 404)

  const tag = `"${size.toString(36)}-${Math.round(mtimeMs).toString(36)}"`
  response.setHeader('ETag', tag)
  response.setHeader('Cache-Control', 'no-cache')
  response.setHeader('Content-Type', type.mime)
  if (request.headers['if-none-match'] === tag) return void response.writeHead(304).end()

  const isCode = extname(file) === '.ts'
  const squeeze = type.gzip === true && /\bgzip\b/.test(String(request.headers['accept-encoding']))
  if (type.gzip) response.setHeader('Vary', 'Accept-Encoding')
  if (!isCode && !squeeze) {
    response.writeHead(200, { 'Content-Length': size })
    return request.method === 'HEAD' ? void response.end() : pipeline(createReadStream(file), response)
  }
  if (squeeze) response.setHeader('Content-Encoding', 'gzip')
  const key = `${squeeze} ${tag} ${file}`
  const body = packed.get(key) ?? (await prepared(file, isCode, squeeze))
  packed.set(key, body)
  response.writeHead(200, { 'Content-Length': body.length })
  response.end(request.method === 'HEAD' ? undefined : body)
}

function setPolicy(response: ServerResponse, isolated: boolean): void {
  response.setHeader(
    'Content-Security-Policy',
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'",
  )
  response.setHeader('X-Content-Type-Options', 'nosniff')
  response.setHeader('Referrer-Policy', 'no-referrer')
  if (!isolated) return
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin')
  response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp')
  response.setHeader('Cross-Origin-Resource-Policy', 'same-origin')
}

/** The file an address names, or nothing when it names none or leaves its root. */
function fileOf(address: string): string | undefined {
  const path = decoded(address.split(/[?#]/, 1)[0] as string)
  if (path === undefined || path.includes('\0')) return undefined
  if (Object.hasOwn(FILES, path)) return FILES[path]
  for (const [prefix, root] of ROOTS) {
    if (!path.startsWith(prefix)) continue
    const file = resolve(root, path.slice(prefix.length))
    return file.startsWith(root.endsWith(sep) ? root : root + sep) ? file : undefined
  }
  return undefined
}

function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path)
  } catch {
    return undefined // a broken percent sign
  }
}

async function prepared(file: string, isCode: boolean, squeeze: boolean): Promise<Buffer> {
  let body: Buffer = await readFile(file)
  if (isCode) {
    const script = stripTypeScriptTypes(body.toString('utf8'))
    body = Buffer.from(script.replace(/(?<=\bfrom )'nearfield'/g, `'${LIBRARY_ENTRY}'`))
  }
  return squeeze ? promisify(gzip)(body) : body
}

function refuse(response: ServerResponse, status: 404 | 405 | 500): void {
  const text = { 404: 'not found', 405: 'only GET and HEAD', 500: 'the server failed' }[status]
  if (status === 405) response.setHeader('Allow', 'GET, HEAD')
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${text}\n`)
}
