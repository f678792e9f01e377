/**
 * `.fvecs`: rows of an int32, the row's length, and as many float32; little-endian. All rows have one
 * length.
 */

import { type Matrix, readBytes, sizeOf } from './matrix.ts'

export async function readFvecs(path: string): Promise<Matrix> {
  const size = await sizeOf(path)
  if (size < 8) throw new Error(`${path}: expected rows of .fvecs, received ${size} bytes`)
  const [dim] = new Int32Array(await readBytes(path, 0, 4))
  const words = dim! + 1
  if (!(dim! >= 1 && size % (words * 4) === 0)) {
    throw new Error(`${path}: expected rows of ${dim} float32 with their length, received ${size} bytes`)
  }
  const buffer = await readBytes(path, 0, size)
  const [lengths, numbers] = [new Int32Array(buffer), new Float32Array(buffer)]
  const rows = numbers.length / words
  const values = new Float32Array(rows * dim!)
  for (let row = 0; row < rows; row++) {
    const length = lengths[row * words]
    if (length !== dim) throw new Error(`${path}, row ${row}: expected length ${dim}, received ${length}`)
    values.set(numbers.subarray(row * words + 1, (row + 1) * words), row * dim!)
  }
  return { dim: dim!, values }
}
