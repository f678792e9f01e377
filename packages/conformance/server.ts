/**
 * Serves pages to the browsers of a run: the facade as built, the cases with their types stripped,
 * the exchanged files, and takes outcomes. Sends the isolation headers when asked to.
 */

import { readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { stripTypeScriptTypes } from 'node:module'
import { basename, extname, join, normalize } from 'node:path'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.ts': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.wasm': 'application/wasm',
}

export interface ServerOptions {
  readonly isolated: boolean
  /** Where exchanged files lie; left out, there are none. */
  readonly exchange?: string
  /** URL prefix → folder. */
  readonly folders: Readonly<Record<string, string>>
  readonly outcome?: (message: {
    case?: string
    ok?: boolean
    ms?: number
    error?: string
    done?: true
  }) => void
}

export interface Server {
  readonly origin: string
  close(): Promise<void>
}

export async function serve(options: ServerOptions): Promise<Server> {
  const server = createServer((request, response) => {
    answer(options, request, response).catch((error: Error) => response.writeHead(404).end(error.message))
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as { port: number }
  const close = () =>
    new Promise<void>((closed) => {
      server.closeAllConnections()
      server.close(() => closed())
    })
  return { origin: `http://127.0.0.1:${port}`, close }
}

async function answer(
  options: ServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (options.isolated) {
    response.setHeader('cross-origin-opener-policy', 'same-origin')
    response.setHeader('cross-origin-embedder-policy', 'require-corp')
  }
  // What a page with a strict policy allows: no blob workers, no eval but WebAssembly's.
  response.setHeader(
    'content-security-policy',
    "script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; worker-src 'self'",
  )
  const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname))
  if (request.method === 'POST') {
    options.outcome?.(JSON.parse((await body(request)).toString()))
    response.end()
    return
  }
  if (path.startsWith('/exchange/') && options.exchange !== undefined) {
    const name = basename(path)
    if (request.method === 'PUT') {
      await writeFile(join(options.exchange, name), await body(request))
      response.end()
    } else if (path === '/exchange/') response.end(JSON.stringify(await readdir(options.exchange)))
    else response.end(await readFile(join(options.exchange, name)))
    return
  }
  await file(options, path, response)
}

async function file(options: ServerOptions, path: string, response: ServerResponse): Promise<void> {
  const prefix = Object.keys(options.folders).find((candidate) => path.startsWith(candidate))
  if (prefix === undefined) throw new Error(`nothing is served at ${path}`)
  const bytes = await readFile(join(options.folders[prefix]!, path.slice(prefix.length)))
  response.setHeader('content-type', TYPES[extname(path)] ?? 'application/octet-stream')
  response.end(extname(path) === '.ts' ? stripTypeScriptTypes(bytes.toString()) : bytes)
}

async function body(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
