/**
 * Bytes from a generator to a target, and from a target back to be compared.
 *
 *   write    make A ─ make B ─ make A ─ …            one piece is written while the next is made,
 *                   ╰ write A ─ write B ─ …          in two rooms that are used again and again
 *   verify   read A ─ read B ─ …                     one is read while the one before is made anew
 *                   ╰ make, compare A ─ …            and compared
 *
 * Pieces end at multiples of their length, wherever they begin. They are written one after the other, so
 * whatever ends the process, the file is a beginning of the stream and its length says of how much.
 */
import type { Generator } from 'nearfield'
import { Failure } from '../failure.ts'
import { bytesText } from '../sizes.ts'
import { firstDifference } from './compare.ts'
import { pages, type Target } from './target.ts'

/** What every transfer is told. */
export interface Course {
  readonly from: number
  readonly until: number
  readonly chunkBytes: number
  readonly signal: AbortSignal
  /** Called with the position that all is done to. */
  readonly report: (position: number) => void
}

/** Writes the bytes; where it ended, before `until` when it was told to stop. */
export async function writeAll(source: Generator, target: Target, course: Course): Promise<number> {
  const { from, until, chunkBytes, signal, report } = course
  const rooms = [pages(chunkBytes), pages(chunkBytes)] as const
  let written = from
  let pending: Promise<void> | undefined
  const settle = async () => {
    if (pending) await unlessStopped(pending, signal, target)
    pending = undefined
  }
  for (let turn = 0, position = from; position < until && !signal.aborted; turn ^= 1) {
    const piece = rooms[turn & 1]!.subarray(0, pieceBytes(position, course))
    await make(source, position, piece)
    await settle()
    if (signal.aborted) break
    const end = position + piece.length
    pending = target.write(piece, position).then(() => {
      written = end
      report(end)
    })
    pending.catch(() => {}) // told where it is waited for
    position = end
  }
  await settle()
  return written
}

/** Compares the bytes; where it ended. Rejects where the first differs, or where the target ends too soon. */
export async function verifyAll(source: Generator, target: Target, course: Course): Promise<number> {
  const { from, until, chunkBytes, signal, report } = course
  const rooms = [pages(chunkBytes), pages(chunkBytes)] as const
  const expected = new Uint8Array(chunkBytes)
  const begin = (turn: number, position: number) => {
    const read = target.read(rooms[turn & 1]!.subarray(0, pieceBytes(position, course)), position)
    read.catch(() => {})
    return read
  }
  let position = from
  let reading = begin(0, position)
  for (let turn = 0; position < until && !signal.aborted; turn ^= 1) {
    const length = pieceBytes(position, course)
    await make(source, position, expected.subarray(0, length))
    const count = await reading
    if (position + count < until && count === length) reading = begin(turn ^ 1, position + length)
    const room = rooms[turn & 1]!
    const at = firstDifference(room.subarray(0, count), expected.subarray(0, count))
    if (at !== undefined) throw differs(position + at, expected[at]!, room[at]!)
    if (count < length) {
      const end = (position + count).toLocaleString('en')
      throw new Failure(`too short: it ends at byte ${end}, expected ${bytesText(until)}`)
    }
    position += length
    report(position)
  }
  return position
}

/** A stream's reader may never read on: whoever stops it does not wait for that. */
async function unlessStopped(pending: Promise<void>, signal: AbortSignal, target: Target): Promise<void> {
  if (!target.inOrder) return pending
  const { promise: stopped, resolve } = Promise.withResolvers<void>()
  const stop = () => resolve()
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop()
  await Promise.race([pending, stopped]).finally(() => signal.removeEventListener('abort', stop))
}

async function make(source: Generator, position: number, into: Uint8Array): Promise<void> {
  source.seek(position)
  await source.fillChunkAsync(into)
}

function pieceBytes(position: number, { until, chunkBytes }: Course): number {
  return Math.min(chunkBytes - (position % chunkBytes), until - position)
}

function differs(position: number, expected: number, received: number): Failure {
  const hex = (byte: number) => `0x${byte.toString(16).padStart(2, '0')}`
  return new Failure(
    `differs at byte ${position.toLocaleString('en')} (${position}): expected ${hex(expected)}, received ${hex(received)}`,
  )
}
