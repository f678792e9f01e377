/**
 * HDF5 as ann-benchmarks lays it out: `train`, `test`, often `neighbors`, and the attribute `distance`
 * (else the file's name says it: `glove-100-angular.hdf5`).
 */

import { basename } from 'node:path'
import type { Dataset as H5Dataset, File as H5File } from 'h5wasm/node'
import type { Metric } from '../harness/contract.ts'
import type { Matrix } from './matrix.ts'

/** Copies pass through WebAssembly's memory, which is small beside a large `train`. */
const PIECE_NUMBERS = 1 << 24

const METRIC_BY_DISTANCE: Readonly<Record<string, Metric>> = {
  angular: 'cosine',
  cosine: 'cosine',
  euclidean: 'l2',
  dot: 'ip',
  ip: 'ip',
}

export interface Hdf5Vectors {
  readonly base: Matrix
  readonly queries: Matrix
  readonly metric: Metric
  /** Slots of neighbours the file gives, `queries × depth`. */
  readonly claim?: { readonly slots: Uint32Array; readonly depth: number }
}

/** Loaded only when needed: it is a large module, and most runs read no HDF5. */
export const loadH5wasm = async () => {
  const h5wasm = await import('h5wasm/node')
  await h5wasm.ready
  return h5wasm
}

export async function readHdf5(path: string): Promise<Hdf5Vectors> {
  const { File } = await loadH5wasm()
  const file = new File(path, 'r')
  try {
    const [base, queries] = [readMatrix(file, path, 'train'), readMatrix(file, path, 'test')]
    if (base.dim !== queries.dim) {
      throw new Error(`${path}: expected test of ${base.dim} columns like train, received ${queries.dim}`)
    }
    const metric = metricOf(file, path)
    if (!file.keys().includes('neighbors')) return { base, queries, metric }
    const { shape, numbers } = readTable(file, path, 'neighbors')
    const slots = Uint32Array.from(numbers)
    return { base, queries, metric, claim: { slots, depth: shape[1] } }
  } finally {
    file.close()
  }
}

function readMatrix(file: H5File, path: string, name: string): Matrix {
  const { shape, numbers } = readTable(file, path, name)
  return { dim: shape[1], values: numbers instanceof Float32Array ? numbers : Float32Array.from(numbers) }
}

type Numbers = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>

/** A table of numbers, piece by piece: float32 as they are, anything else by way of float64. */
function readTable(file: H5File, path: string, name: string): { shape: [number, number]; numbers: Numbers } {
  const entry = file.get(name)
  const table = entry && 'slice' in entry ? (entry as H5Dataset) : undefined
  const [rows, columns] = table?.shape ?? []
  if (!table || !rows || !columns || table.shape?.length !== 2) {
    const found = table ? `shape ${table.shape?.join(' × ')}` : `the entries ${file.keys().join(', ')}`
    throw new Error(`${path}: expected ${name}, a table of rows × columns, received ${found}`)
  }
  const numbers = table.dtype === '<f' ? new Float32Array(rows * columns) : new Float64Array(rows * columns)
  const step = Math.max(1, Math.floor(PIECE_NUMBERS / columns))
  for (let row = 0; row < rows; row += step) {
    const piece = table.slice([[row, Math.min(rows, row + step)], []])
    if (!ArrayBuffer.isView(piece)) {
      throw new Error(`${path}: expected numbers in ${name}, received type ${JSON.stringify(table.dtype)}`)
    }
    const whole = piece instanceof BigInt64Array || piece instanceof BigUint64Array
    numbers.set(whole ? Array.from(piece, Number) : (piece as Float32Array), row * columns)
  }
  return { shape: [rows, columns], numbers }
}

function metricOf(file: H5File, path: string): Metric {
  const attribute = file.attrs['distance']?.value
  const words = typeof attribute === 'string' ? [attribute] : basename(path).split(/[^a-z]+/i)
  const metrics = words.map((word) => METRIC_BY_DISTANCE[word.toLowerCase()]).filter((found) => found)
  if (!metrics[0]) {
    const known = Object.keys(METRIC_BY_DISTANCE).join(', ')
    throw new Error(`${path}: expected a distance out of ${known}, received ${words.join(' ')}`)
  }
  return metrics[0]
}
