/**
 * `.npy`: numpy's file of one array. Read are matrices of little-endian floats in C order.
 *
 *   "\x93NUMPY" major minor │ header length (u16; u32 from version 2) │ a Python dict │ the numbers
 */

import { type Matrix, readBytes, sizeOf } from './matrix.ts'

const MAGIC = '\x93NUMPY'
const PREFIX_BYTES = 12

const DECODERS: Readonly<Record<string, { bytes: number; decode(buffer: ArrayBuffer): Matrix['values'] }>> = {
  '<f2': { bytes: 2, decode: (buffer) => fromHalves(new Uint16Array(buffer)) },
  '<f4': { bytes: 4, decode: (buffer) => new Float32Array(buffer) },
  '<f8': { bytes: 8, decode: (buffer) => Float32Array.from(new Float64Array(buffer)) },
}

export async function readNpy(path: string): Promise<Matrix> {
  const size = await sizeOf(path)
  const prefix = Buffer.from(await readBytes(path, 0, Math.min(PREFIX_BYTES, size)))
  const magic = prefix.toString('latin1', 0, MAGIC.length)
  const major = prefix[MAGIC.length]
  if (size < PREFIX_BYTES || magic !== MAGIC || !(major! >= 1 && major! <= 3)) {
    throw new Error(`${path}: expected .npy of version 1, 2 or 3, received ${JSON.stringify(magic)} ${major}`)
  }
  const headerFirst = major === 1 ? 10 : 12
  const headerBytes = major === 1 ? prefix.readUInt16LE(8) : prefix.readUInt32LE(8)
  const first = headerFirst + headerBytes
  if (first > size)
    throw new Error(`${path}: expected a header of ${headerBytes} bytes, the file has ${size}`)
  const header = Buffer.from(await readBytes(path, headerFirst, headerBytes)).toString('utf8')
  const { descr, rows, dim } = matrixHeader(path, header)
  const { bytes, decode } = DECODERS[descr]!
  const expected = rows * dim * bytes
  if (size - first !== expected) {
    throw new Error(
      `${path}: expected ${expected} bytes for ${rows} × ${dim} ${descr}, received ${size - first}`,
    )
  }
  return { dim, values: decode(await readBytes(path, first, expected)) }
}

function matrixHeader(path: string, header: string): { descr: string; rows: number; dim: number } {
  const descr = /'descr':\s*'([^']*)'/.exec(header)?.[1]
  const fortran = /'fortran_order':\s*(True|False)/.exec(header)?.[1]
  const shape = /'shape':\s*\(\s*(\d+),\s*(\d+),?\s*\)/.exec(header)
  const [rows, dim] = [Number(shape?.[1]), Number(shape?.[2])]
  if (descr === undefined || !Object.hasOwn(DECODERS, descr) || fortran !== 'False' || !(rows * dim > 0)) {
    throw new Error(
      `${path}: expected a matrix of ${Object.keys(DECODERS).join(', ')} in C order, received ${header.trim()}`,
    )
  }
  return { descr, rows, dim }
}

/** float16 to float32, which holds each exactly. */
function fromHalves(halves: Uint16Array): Matrix['values'] {
  const table = Float32Array.from({ length: 1 << 16 }, (_, bits) => {
    const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023]
    if (exponent === 31) return fraction ? Number.NaN : bits >> 15 ? -Infinity : Infinity
    const size = exponent ? (1024 + fraction) * 2 ** (exponent - 25) : fraction * 2 ** -24
    return bits >> 15 ? -size : size
  })
  return Float32Array.from(halves, (bits) => table[bits]!)
}
