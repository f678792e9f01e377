/**
 * Vectors in memory and on disk: row-major, little-endian like every machine this runs on. Files are
 * read and written in pieces, because one call moves less than 2 GiB.
 */

import { open } from 'node:fs/promises'

const PIECE_BYTES = 1 << 26

/** Vectors of one length, row after row. */
export interface Matrix {
  readonly dim: number
  readonly values: Float32Array<ArrayBuffer>
}

export const rowsOf = ({ dim, values }: Matrix): number => values.length / dim

export const rowOf = ({ dim, values }: Matrix, row: number): Float32Array =>
  values.subarray(row * dim, (row + 1) * dim)

/** The rows from `first` up to, not including, `end`; shares the memory. */
export const rowsBetween = ({ dim, values }: Matrix, first: number, end: number): Matrix => ({
  dim,
  values: values.subarray(first * dim, end * dim),
})

/** Bytes `first` … `first + length − 1` of a file. */
export async function readBytes(path: string, first: number, length: number): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  await using file = await open(path)
  for (let at = 0; at < length; ) {
    const piece = Math.min(PIECE_BYTES, length - at)
    const { bytesRead } = await file.read(bytes, at, piece, first + at)
    if (bytesRead === 0) {
      throw new Error(`${path}: expected ${length} bytes from byte ${first}, it ends after ${at}`)
    }
    at += bytesRead
  }
  return bytes.buffer
}

/** The whole file, which must have exactly this many bytes. */
export async function readExactly(path: string, length: number): Promise<ArrayBuffer> {
  const size = await sizeOf(path)
  if (size !== length) throw new Error(`${path}: expected ${length} bytes, received ${size}`)
  return readBytes(path, 0, length)
}

export async function sizeOf(path: string): Promise<number> {
  await using file = await open(path)
  return (await file.stat()).size
}

export async function writeArray(path: string, { buffer, byteOffset, byteLength }: ArrayBufferView) {
  await using file = await open(path, 'w')
  const bytes = new Uint8Array(buffer, byteOffset, byteLength)
  for (let at = 0; at < byteLength; ) {
    const { bytesWritten } = await file.write(bytes, at, Math.min(PIECE_BYTES, byteLength - at))
    at += bytesWritten
  }
}

/** Which rows of `some` are rows of `others`, bit by bit; ascending. */
export function rowsFoundIn(some: Matrix, others: Matrix): number[] {
  const { dim } = some
  const [bits, otherBits] = [bitsOf(some), bitsOf(others)]
  const byHash = new Map<number, number[]>()
  for (let row = 0; row < rowsOf(some); row++) {
    const hash = hashOf(bits, row * dim, dim)
    const same = byHash.get(hash)
    if (same) same.push(row)
    else byHash.set(hash, [row])
  }
  const found = new Set<number>()
  for (let other = 0; other < rowsOf(others); other++) {
    for (const row of byHash.get(hashOf(otherBits, other * dim, dim)) ?? []) {
      let column = 0
      while (column < dim && bits[row * dim + column] === otherBits[other * dim + column]) column++
      if (column === dim) found.add(row)
    }
  }
  return Array.from(found).sort((a, b) => a - b)
}

const bitsOf = ({ values }: Matrix) => new Uint32Array(values.buffer, values.byteOffset, values.length)

/** FNV-1a over words. */
function hashOf(words: Uint32Array, first: number, count: number): number {
  let hash = 0x811c9dc5
  for (let at = first; at < first + count; at++) hash = Math.imul(hash ^ words[at]!, 0x01000193)
  return hash
}
