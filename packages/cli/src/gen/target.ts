/**
 * Where bytes go to or come from: a file, a device, or a standard stream. Only this file asks the system.
 *
 *   file, device    written and read at positions, past the page cache where the system can: a hundred
 *                   gigabytes then push nothing else out of memory, and what is verified is what the disk has
 *   - and pipes     written and read in order
 *
 * Past the page cache (`O_DIRECT`) positions, lengths and memory must be multiples of a page. A piece that
 * is not goes through the cache, by a second descriptor, and so does everything once a system refused.
 */
import { close, constants, fdatasync, fstatSync, open, read, type Stats, statSync, write } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Failure, systemCode } from '../failure.ts'
import { bytesText } from '../sizes.ts'
import { PAGE_BYTES, type Plan } from './plan.ts'

const openFile = promisify(open)
const closeFile = promisify(close)
const flush = promisify(fdatasync)
const WASM_PAGE_BYTES = 65_536
/** How long to wait for a pipe that another process made non-blocking. */
const RETRY_MS = 1

export class Target {
  readonly #plan: Plan
  readonly #fd: number
  #direct: number | undefined
  readonly #inOrder: boolean
  /** Bytes of the file; `undefined` for what has no length. */
  readonly length: number | undefined

  private constructor(plan: Plan, fd: number, direct: number | undefined, stats: Stats) {
    this.#plan = plan
    this.#fd = fd
    this.#direct = direct
    this.#inOrder = !stats.isFile() && !stats.isBlockDevice()
    this.length = stats.isFile() ? stats.size : undefined
  }

  static async open(plan: Plan): Promise<Target> {
    const { out, mode } = plan
    const reads = mode === 'verify'
    if (out === '-') {
      const fd = reads ? 0 : 1
      return new Target(plan, fd, undefined, fstatSync(fd))
    }
    refuse(plan)
    const { O_RDONLY, O_RDWR, O_WRONLY, O_CREAT, O_TRUNC, O_DIRECT } = constants
    const special = statSync(out, { throwIfNoEntry: false })?.isFile() === false
    // What is resumed is read first, to see whether it is this stream.
    const kind = reads ? O_RDONLY : special ? O_WRONLY : O_RDWR | O_CREAT
    const fresh = mode === 'write' && !plan.part && !special ? O_TRUNC : 0
    try {
      const fd = await openFile(out, kind | fresh)
      const stats = fstatSync(fd)
      const can = plan.direct && O_DIRECT && (stats.isFile() || stats.isBlockDevice())
      // Some file systems have no such thing: EINVAL.
      const direct = can
        ? await openFile(out, (kind & ~O_CREAT) | O_DIRECT).catch(() => undefined)
        : undefined
      return new Target(plan, fd, direct, stats)
    } catch (error) {
      throw refusal(error, plan, 0)
    }
  }

  /** Whether what is written passes the page cache by. */
  get direct(): boolean {
    return this.#direct !== undefined
  }

  /** Whether this is a stream, which knows no positions. */
  get inOrder(): boolean {
    return this.#inOrder
  }

  /** Writes all of it. */
  async write(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      done += await this.#once(write, bytes, done, position)
    }
  }

  /** Reads until the memory is full or nothing is left; how many. */
  async read(bytes: Uint8Array, position: number): Promise<number> {
    let done = 0
    while (done < bytes.length) {
      const count = await this.#once(read, bytes, done, position)
      if (count === 0) break
      done += count
    }
    return done
  }

  async #once(
    call: typeof write | typeof read,
    bytes: Uint8Array,
    done: number,
    position: number,
  ): Promise<number> {
    const at = position + done
    const length = bytes.length - done
    const whole =
      at % PAGE_BYTES === 0 && length % PAGE_BYTES === 0 && (bytes.byteOffset + done) % PAGE_BYTES === 0
    const fd = whole && this.#direct !== undefined ? this.#direct : this.#fd
    const place = this.#inOrder ? null : at
    try {
      return await new Promise((resolve, reject) => {
        const settled = (error: Error | null, count: number) => (error ? reject(error) : resolve(count))
        ;(call as typeof write)(fd, bytes, done, length, place, settled)
      })
    } catch (error) {
      const code = systemCode(error)
      if (code === 'EAGAIN') {
        await setTimeout(RETRY_MS)
        return this.#once(call, bytes, done, position)
      }
      if (code === 'EINVAL' && fd === this.#direct) {
        await closeFile(fd)
        this.#direct = undefined
        return this.#once(call, bytes, done, position)
      }
      throw refusal(error, this.#plan, at, this.length !== undefined)
    }
  }

  /** Until the disk has it all. */
  async flush(): Promise<void> {
    if (this.#inOrder) return
    await flush(this.#fd).catch((error) => {
      throw refusal(error, this.#plan, this.#plan.until)
    })
  }

  async close(): Promise<void> {
    if (this.#direct !== undefined) await closeFile(this.#direct)
    if (this.#plan.out !== '-') await closeFile(this.#fd)
  }
}

/** Memory that begins at a page, as writing past the cache needs: that of a WebAssembly memory does. */
export function pages(bytes: number): Uint8Array {
  const initial = Math.ceil(bytes / WASM_PAGE_BYTES)
  return new Uint8Array(new WebAssembly.Memory({ initial, maximum: initial }).buffer, 0, bytes)
}

/** What would be lost is not written over unasked. */
function refuse({ out, mode, part, force }: Plan): void {
  const stats = statSync(out, { throwIfNoEntry: false })
  if (stats?.isDirectory()) throw new Failure(`${out} is a folder, expected a file`)
  if (mode !== 'write' && !stats) throw new Failure(`${out} is not there: nothing to ${mode}`)
  if (mode !== 'write' || force || !stats) return
  if (stats.isBlockDevice())
    throw new Failure(`${out} is a device, whose content would be lost: --force writes to it`)
  if (stats.isFile() && stats.size > 0 && !part)
    throw new Failure(
      `${out} is there already, with ${bytesText(stats.size)}: --resume goes on where it ends, --force overwrites it`,
    )
}

const MEANINGS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota is used up',
  EFBIG: 'the file system takes no larger file',
  ENOENT: 'its folder is not there',
  EACCES: 'not allowed',
  EPERM: 'not allowed',
  EROFS: 'the file system takes no writes',
  EIO: 'the disk failed',
}

function refusal(error: unknown, { out, mode }: Plan, position: number, file = false): unknown {
  const code = systemCode(error)
  if (code === undefined || code === 'EPIPE') return error
  const where = position > 0 ? ` at byte ${position.toLocaleString('en')}` : ''
  const full = file && mode !== 'verify' && (code === 'ENOSPC' || code === 'EDQUOT')
  const next = full ? '; with more room, --resume goes on there' : ''
  return new Failure(`${out}${where}: ${MEANINGS[code] ?? (error as Error).message} (${code})${next}`, 1, {
    cause: error,
  })
}
