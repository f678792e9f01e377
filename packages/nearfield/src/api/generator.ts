/**
 * `Generator`: bytes that neither compress nor repeat unless asked to, straight into memory of the
 * caller's. What the bytes are the core knows; here is a position, and who waits for what.
 *
 *   options ─▶ checked ─▶ ready: the backend and its generator ─▶ fillChunk   this thread, at once
 *                                                              ├▶ fillChunkAsync   in slices of some milliseconds
 *                                                              └▶ chunks(), stream()   by fillChunkAsync
 *
 * JavaScript's memory is written while the thread it belongs to waits: no slice can meet a buffer that
 * is detached or resized meanwhile, and between slices it is looked at again.
 */
import type { Backend, BackendInfo, GeneratorHandle, Placing, Room } from '../backend.ts'
import { type CoreGeneratorOptions, GENERATE_OPTION_NAMES } from '../generated/options.ts'
import { NearfieldError, shown } from './errors.ts'
import type { Host } from './host.ts'
import { checkInteger, checkOptions, coreJson, type PlaceOptions } from './options.ts'
import { turnOfTheLoop } from './progress.ts'

type Loose<T> = { readonly [K in keyof T]: T[K] | undefined }

export interface GeneratorOptions extends Loose<CoreGeneratorOptions>, PlaceOptions {
  readonly size: number
  /** Threads to use; all of the machine's when left out. */
  readonly threads?: number | undefined
  /** Ties threads to nodes of memory where there are several; `stats().numa` says what was done. @default 'auto' */
  readonly numaMode?: 'auto' | 'off' | undefined
  /** Bytes of what `chunks()` and `stream()` give. @default 4194304 */
  readonly chunkSize?: number | undefined
}

/** Memory to fill. */
export type Fillable = ArrayBufferView | ArrayBuffer | SharedArrayBuffer

export interface GeneratorStats {
  readonly size: number
  readonly position: number
  readonly chunkSize: number
  readonly backend: BackendInfo
  /** Threads a fill may use. */
  readonly threads: number
  /** Whether threads are tied to nodes of memory, and why not. */
  readonly numa: Placing & { readonly mode: 'auto' | 'off' }
}

const SAFE_INTEGER_MAX = Number.MAX_SAFE_INTEGER
const CHUNK_BYTES_DEFAULT = 4 << 20
/**
 * Where a fill may block, and where another thread fills memory of its own, which each message costs a start
 * and an end: long enough for the core to pass the caches by, some milliseconds.
 */
const SLICE_BYTES = 128 << 20
/** Where it may not, and another thread sends the bytes: what is under way at once. */
const MESSAGE_BYTES = 8 << 20

interface Opened {
  readonly backend: Backend
  readonly info: BackendInfo
  readonly handle: GeneratorHandle
  readonly placing: Placing
}

export class Generator implements AsyncDisposable {
  readonly size: number
  readonly chunkSize: number
  /** Settled once bytes can be had: `fillChunk` needs it, everything else waits by itself. */
  readonly ready: Promise<void>
  readonly #threads: number
  readonly #numaMode: 'auto' | 'off'
  readonly #opening: Promise<Opened>
  #opened: Opened | undefined
  #closed = false
  #position = 0
  readonly #rooms: (Room & { readonly bytes: number })[] = []
  /** What `chunks` used last, for the next: rooms are there until the generator is closed. */
  #kept: Uint8Array | undefined

  constructor(host: Host, options: GeneratorOptions) {
    checkOptions(options, 'generator')
    const { size, seed, threads, numaMode, dedupRatio, compressRatio, chunkSize } = options
    checkInteger('size', size, 1, SAFE_INTEGER_MAX)
    if (seed !== undefined) checkInteger('seed', seed, 0, SAFE_INTEGER_MAX)
    checkRatio('dedupRatio', dedupRatio)
    checkRatio('compressRatio', compressRatio)
    if (chunkSize !== undefined) checkInteger('chunkSize', chunkSize, 1, 2 ** 31)
    if (numaMode !== undefined && numaMode !== 'auto' && numaMode !== 'off') {
      throw new NearfieldError('OPTION', `numaMode must be auto or off, received ${shown(numaMode)}`)
    }
    this.size = size
    this.chunkSize = chunkSize ?? CHUNK_BYTES_DEFAULT
    this.#threads = threads ?? 0
    this.#numaMode = numaMode ?? 'auto'
    this.#opening = this.#open(host, options)
    this.ready = this.#opening.then(() => {})
    this.ready.catch(() => {}) // whoever waits for it, or asks for bytes, is told
  }

  async #open(host: Host, options: GeneratorOptions): Promise<Opened> {
    const json = coreJson(options, GENERATE_OPTION_NAMES, { isa: options.isa ?? host.preferences.isa })
    const wanted = options.backend ?? host.preferences.backend ?? 'auto'
    const { backend, info } = await host.choices.choose(wanted, this.#threads)
    const off = this.#numaMode === 'off'
    const handle = await backend.generatorOpen(json, !off)
    const placing = off
      ? { pinned: false, why: 'off' }
      : await backend.generatorPlacing(handle, this.#threads)
    this.#opened = { backend, info, handle, placing }
    return this.#opened
  }

  /** Where the next byte is of. */
  get position(): number {
    return this.#position
  }

  /** Whether all bytes were given. */
  get done(): boolean {
    return this.#position === this.size
  }

  /** To the first byte. */
  reset(): void {
    this.#position = 0
  }

  /** To any byte, `size` included. */
  seek(position: number): void {
    checkInteger('position', position, 0, this.size)
    this.#position = position
  }

  /**
   * Fills the buffer with the next bytes and says how many: fewer than it holds at the end, 0 after.
   * Needs `ready`, and a thread that may block.
   */
  fillChunk(buffer: Fillable): number {
    const into = writable(buffer)
    this.#check()
    if (!this.#opened)
      throw new NearfieldError('BLOCKING', 'the backend is not loaded: await generator.ready first')
    const { backend, handle } = this.#opened
    if (!backend.sync) {
      throw new NearfieldError('BLOCKING', 'fillChunk cannot block here: use fillChunkAsync, or a worker')
    }
    const { sync } = backend
    const room = this.#roomOf(into)
    const count = room
      ? sync.generatorFillRoom(handle, this.#position, ...room, into.byteLength, this.#threads)
      : sync.generatorFill(handle, this.#position, into, this.#threads)
    this.#position += count
    return count
  }

  /**
   * As `fillChunk`, and the event loop turns every 128 MiB. The buffer must stay where and as large as it
   * is until then: one that is detached or resized meanwhile rejects with `DIMENSION`, what was
   * written of it until then stays. Calls may overlap; each has the bytes after those of the one before.
   */
  async fillChunkAsync(buffer: Fillable): Promise<number> {
    const into = writable(buffer)
    this.#check()
    const { byteLength } = into
    const from = this.#position
    const count = Math.min(byteLength, this.size - from)
    this.#position = from + count
    try {
      const { backend, handle } = await this.#opening
      const room = this.#roomOf(into)
      const slice = backend.sync || room ? SLICE_BYTES : MESSAGE_BYTES
      for (let done = 0; done < count; done += slice) {
        if (done > 0) await turnOfTheLoop()
        this.#check()
        if (into.byteLength !== byteLength) {
          throw new NearfieldError(
            'DIMENSION',
            `the buffer had ${byteLength} bytes and has ${into.byteLength}: it was detached or resized while being filled`,
          )
        }
        const part = into.subarray(done, Math.min(count, done + slice))
        if (room) {
          const [number, at] = room
          await backend.generatorFillRoom(handle, from + done, number, at + done, part.length, this.#threads)
        } else await backend.generatorFill(handle, from + done, part, this.#threads)
      }
    } catch (error) {
      if (this.#position === from + count) this.#position = from
      throw error
    }
    return count
  }

  /**
   * Memory that is filled without a copy, to be used again and again: with threaded WebAssembly a view of
   * the module's own memory, which is given to others once the generator is closed, else memory as any.
   */
  async buffer(bytes: number = this.chunkSize): Promise<Uint8Array> {
    checkInteger('bytes', bytes, 1, 2 ** 31)
    this.#check()
    const { backend, handle } = await this.#opening
    const room = await backend.generatorRoom(handle, bytes)
    if (!room) {
      // Where a worker makes the bytes it can write them into shared memory by itself.
      const shared = backend.sync === null && typeof SharedArrayBuffer !== 'undefined'
      return new Uint8Array(shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes))
    }
    this.#rooms.push({ ...room, bytes })
    return new Uint8Array(room.memory, room.at, bytes)
  }

  /** Which of the backend's rooms a view lies in, and where. */
  #roomOf({ buffer, byteOffset, byteLength }: Uint8Array): readonly [room: number, from: number] | undefined {
    const found = this.#rooms.find(
      ({ memory, at, bytes }) =>
        memory === buffer && at <= byteOffset && byteOffset + byteLength <= at + bytes,
    )
    return found && [found.room, byteOffset - found.at]
  }

  /** The rest, in pieces of `bytes`, all in one memory: a piece is overwritten by the next. */
  async *chunks(bytes: number = this.chunkSize): AsyncGenerator<Uint8Array, void, undefined> {
    checkInteger('bytes', bytes, 1, 2 ** 31)
    const wanted = Math.min(bytes, Math.max(1, this.size - this.#position))
    const kept = this.#kept
    this.#kept = undefined
    const memory = kept && kept.length >= wanted ? kept : await this.buffer(wanted)
    try {
      const room = memory.subarray(0, wanted)
      while (!this.done) yield room.subarray(0, await this.fillChunkAsync(room))
    } finally {
      this.#kept = memory
    }
  }

  /**
   * The rest as a stream of bytes, made as they are read. A reader that brings its own buffer
   * (`getReader({ mode: 'byob' })`) has it filled and given back; nothing is copied or allocated then.
   */
  stream(): ReadableStream<Uint8Array> {
    return new ReadableStream({
      type: 'bytes',
      autoAllocateChunkSize: this.chunkSize,
      pull: async (controller) => {
        const request = controller.byobRequest!
        const count = this.done ? 0 : await this.fillChunkAsync(request.view!)
        if (count === 0) controller.close()
        request.respond(count)
      },
    })
  }

  /** What fills, and how. */
  stats(): GeneratorStats {
    if (!this.#opened)
      throw new NearfieldError('BLOCKING', 'the backend is not loaded: await generator.ready first')
    const { info, placing } = this.#opened
    return {
      size: this.size,
      position: this.#position,
      chunkSize: this.chunkSize,
      backend: info,
      threads: this.#threads || info.threads,
      numa: { mode: this.#numaMode, ...placing },
    }
  }

  /** Frees the generator; later calls are `CLOSED`. A second time, nothing happens. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const opened = await this.#opening.catch(() => undefined)
    await opened?.backend.generatorDrop(opened.handle)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #check(): void {
    if (this.#closed) throw new NearfieldError('CLOSED', 'the generator is closed')
  }
}

function checkRatio(name: string, ratio: unknown): void {
  if (ratio === undefined || (typeof ratio === 'number' && ratio >= 1 && ratio <= 1e6)) return
  throw new NearfieldError('OPTION', `${name} must be a number from 1 to 1000000, received ${shown(ratio)}`)
}

/** The bytes of any memory; none are nothing to fill. */
function writable(buffer: Fillable): Uint8Array {
  const shared = typeof SharedArrayBuffer !== 'undefined' && buffer instanceof SharedArrayBuffer
  let bytes: Uint8Array
  if (buffer instanceof Uint8Array) bytes = buffer
  else if (ArrayBuffer.isView(buffer)) {
    bytes = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
  } else if (buffer instanceof ArrayBuffer || shared) {
    if (buffer instanceof ArrayBuffer && buffer.detached) throw empty()
    bytes = new Uint8Array(buffer)
  } else {
    throw new NearfieldError(
      'DIMENSION',
      `the buffer must be a Uint8Array, an ArrayBuffer or a SharedArrayBuffer, received ${shown(buffer)}`,
    )
  }
  if (bytes.byteLength === 0) throw empty()
  return bytes
}

function empty(): NearfieldError {
  return new NearfieldError(
    'DIMENSION',
    'the buffer has no bytes, expected at least one: it is empty or detached',
  )
}
