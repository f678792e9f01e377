/**
 * `openIndex`: whatever the source, its bytes stream into a loader of exactly their size; the core
 * checks them once. Mapped: the backend maps the file itself.
 *
 *   path ─▶ Files ─┐
 *   URL ─▶ fetch ──┼─▶ Input { bytes, pieces } ─▶ openBegin ─▶ openWrite × n ─▶ openFinish ─▶ Index
 *   Blob, bytes ───┘                              of hnswlib: importBegin ─▶ buildStep × n ─▶ Index
 */

import type { Backend, KeyColumn, LoaderHandle } from '../backend.ts'
import { IMPORT_OPTION_NAMES, OPEN_OPTION_NAMES } from '../generated/options.ts'
import { made } from './build.ts'
import { NearfieldError, shown } from './errors.ts'
import type { Host, Place } from './host.ts'
import { Index } from './index.ts'
import { toKeyColumn } from './keys.ts'
import { checkFormat, checkOptions, coreJson, type OpenHnswlibOptions, type OpenOptions } from './options.ts'
import { Meter } from './progress.ts'

/** A path (or, in browsers, an address), a URL, or the bytes themselves. */
export type Source = string | URL | Uint8Array | ArrayBuffer | Blob

/** A file's length, and its bytes from first to last. A piece is valid until the next is asked for. */
interface Input {
  readonly bytes: number
  readonly pieces: AsyncIterable<Uint8Array>
}

const PIECE_BYTES = 4 << 20

export async function openIndex(host: Host, source: Source, options: OpenOptions): Promise<Index> {
  const { format = 'nearfield' } = options ?? {}
  checkFormat(format)
  checkOptions(options, format === 'hnswlib' ? 'import' : 'open')
  const meter = new Meter(options)
  const { mode = 'memory' } = options
  if (mode !== 'memory' && mode !== 'mapped') {
    throw new NearfieldError('OPTION', `mode must be memory or mapped, received ${shown(mode)}`)
  }
  const isa = options.isa ?? host.preferences.isa
  const json = coreJson(options, OPEN_OPTION_NAMES, { isa })
  const foreign = options.format === 'hnswlib' ? importing(options, isa) : null
  const threads = options.threads ?? 0
  const place = typeof source === 'string' || source instanceof URL ? host.locate(source) : null
  const path = place && 'path' in place ? place.path : null
  if (mode === 'mapped' && path === null) {
    throw new NearfieldError(
      'OPTION',
      "mode 'mapped' needs the path of a file; open this source with mode 'memory'",
    )
  }
  const chosen = await host.choices.choose(options.backend ?? host.preferences.backend ?? 'auto', threads)
  meter.check()
  const { backend } = chosen
  if (mode === 'mapped') {
    await probe(host, path!)
    if (!foreign) return Index.of(host, chosen, await backend.openMapped(path!, json, threads), threads)
    const builder = await backend.importMapped(path!, foreign.json, foreign.keys)
    return made(host, chosen, builder, threads, meter)
  }
  const input = place
    ? await fromPlace(host, place, options.signal)
    : fromBytes(source as Exclude<Source, string | URL>)
  const loader = await load(backend, input, json, meter)
  if (!foreign) return Index.of(host, chosen, await backend.openFinish(loader, threads), threads)
  const builder = await backend.importBegin(loader, foreign.json, foreign.keys)
  return made(host, chosen, builder, threads, meter)
}

/** What the core needs beside a file of hnswlib. */
function importing(
  options: OpenHnswlibOptions,
  isa: string | undefined,
): { readonly json: string; readonly keys: KeyColumn | null } {
  return { json: coreJson(options, IMPORT_OPTION_NAMES, { isa }), keys: toKeyColumn(options.keys) }
}

/** Opening here first tells a missing file from one that cannot be mapped. */
async function probe(host: Host, path: string): Promise<void> {
  const file = await host.files!.open(path)
  await file.close()
}

/** A loader that has all of the file. */
async function load(backend: Backend, input: Input, json: string, meter: Meter): Promise<LoaderHandle> {
  const loader = await backend.openBegin(input.bytes, json)
  try {
    let done = 0
    for await (const piece of input.pieces) {
      await backend.openWrite(loader, piece)
      done += piece.length
      await meter.step('read', done, input.bytes)
    }
    meter.check()
  } catch (error) {
    await backend.openDrop(loader).catch(() => {}) // the first error is the one to tell
    throw error
  }
  return loader
}

async function fromPlace(host: Host, place: Place, signal: AbortSignal | undefined): Promise<Input> {
  if ('url' in place) return fromUrl(place.url, signal)
  const file = await host.files!.open(place.path)
  return { bytes: file.bytes, pieces: filePieces(file.bytes, file, place.path) }
}

async function* filePieces(
  bytes: number,
  file: Awaited<ReturnType<NonNullable<Host['files']>['open']>>,
  path: string,
): AsyncGenerator<Uint8Array> {
  try {
    const buffer = new Uint8Array(Math.min(bytes, PIECE_BYTES))
    for (let at = 0; at < bytes; ) {
      const got = await file.read(buffer.subarray(0, Math.min(buffer.length, bytes - at)), at)
      if (got === 0)
        throw new NearfieldError('IO', `${path} became shorter while it was read: ${at} of ${bytes} bytes`)
      yield buffer.subarray(0, got)
      at += got
    }
  } finally {
    await file.close()
  }
}

function fromBytes(source: Uint8Array | ArrayBuffer | Blob): Input {
  if (source instanceof Blob) return { bytes: source.size, pieces: blobPieces(source) }
  if (source instanceof Uint8Array || source instanceof ArrayBuffer) {
    const view = source instanceof Uint8Array ? source : new Uint8Array(source)
    return { bytes: view.length, pieces: bytePieces(view) }
  }
  throw new NearfieldError(
    'OPTION',
    `the source must be a path, a URL, a Uint8Array, an ArrayBuffer or a Blob, received ${shown(source)}`,
  )
}

async function* bytePieces(view: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < view.length; at += PIECE_BYTES) yield view.subarray(at, at + PIECE_BYTES)
}

async function* blobPieces(blob: Blob): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < blob.size; at += PIECE_BYTES) {
    yield new Uint8Array(await blob.slice(at, at + PIECE_BYTES).arrayBuffer())
  }
}

async function fromUrl(url: URL, signal: AbortSignal | undefined): Promise<Input> {
  const response = await io(url, signal, fetch(url, { signal: signal ?? null }))
  if (!response.ok)
    throw new NearfieldError('IO', `cannot read ${url}: HTTP ${response.status} ${response.statusText}`)
  const length = response.headers.get('content-length')
  // A compressed answer's length is not the file's, and without one the loader cannot be sized.
  if (length === null || response.headers.get('content-encoding') !== null || response.body === null) {
    return fromBytes(await io(url, signal, response.blob()))
  }
  return { bytes: Number(length), pieces: bodyPieces(response.body, url, Number(length), signal) }
}

async function* bodyPieces(
  body: ReadableStream<Uint8Array>,
  url: URL,
  bytes: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const reader = body.getReader()
  try {
    let at = 0
    for (;;) {
      const { value, done } = await io(url, signal, reader.read())
      if (done) break
      at += value.length
      yield value
    }
    if (at !== bytes)
      throw new NearfieldError('IO', `cannot read ${url}: it ended after ${at} of ${bytes} bytes`)
  } finally {
    await reader.cancel().catch(() => {}) // after the end, or after an error that is already being told
  }
}

async function io<T>(url: URL, signal: AbortSignal | undefined, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    signal?.throwIfAborted()
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new NearfieldError('IO', `cannot read ${url}: ${why}`, { cause })
  }
}
