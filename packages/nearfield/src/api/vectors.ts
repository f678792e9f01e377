/**
 * Shapes: every way of handing over vectors becomes one row-major `Float32Array` and a row count.
 * A flat `Float32Array` is passed on as it is (the backend copies it), everything else is packed
 * here. Values are not looked at: the core refuses NaN and infinities with the row's number.
 */
import { NearfieldError, shown } from './errors.ts'

/** A tensor as embedding libraries return it: `dims` is `[rows, dim]` (or `[dim]` for one vector). */
export interface Tensor {
  readonly data: Float32Array
  readonly dims: readonly number[]
}

/** Rows one after the other, an array of rows, or a tensor. */
export type Vectors = Float32Array | ReadonlyArray<Float32Array | readonly number[]> | Tensor

/** One vector. */
export type Query = Float32Array | readonly number[] | Tensor

/** Row-major vectors of one width. */
export interface Matrix {
  readonly data: Float32Array
  readonly rows: number
  readonly dim: number
}

const EXPECTED = 'a Float32Array, an array of vectors or { data: Float32Array, dims }'

/** `dim` 0: take it from the data. `noun` names the argument in messages. */
export function toMatrix(vectors: Vectors, dim: number, noun: string): Matrix {
  if (vectors instanceof Float32Array) return fromFlat(vectors, dim, noun)
  if (Array.isArray(vectors))
    return fromRows(vectors as readonly (Float32Array | readonly number[])[], dim, noun)
  if (isTensor(vectors)) return fromTensor(vectors, dim, noun)
  throw new NearfieldError('DIMENSION', `${noun} must be ${EXPECTED}, received ${shown(vectors)}`)
}

/** One vector of exactly `dim` numbers. A `Float32Array` comes back as it is. */
export function toQuery(query: Query, dim: number): Float32Array {
  if (query instanceof Float32Array) {
    if (query.length !== dim) throw wrongWidth('the query', dim, query.length)
    return query
  }
  if (Array.isArray(query)) {
    if (query.length !== dim) throw wrongWidth('the query', dim, query.length)
    const packed = new Float32Array(dim)
    packRow(packed, 0, query as readonly number[], 'the query')
    return packed
  }
  if (isTensor(query)) {
    checkDims(query, 'the query')
    if (query.data.length !== dim) throw wrongWidth('the query', dim, query.data.length)
    return query.data
  }
  throw new NearfieldError(
    'OPTION',
    `the query must be a Float32Array, an array of numbers or { data, dims }, received ${shown(query)}`,
  )
}

function fromFlat(data: Float32Array, dim: number, noun: string): Matrix {
  if (dim === 0) {
    throw new NearfieldError(
      'OPTION',
      `dim is missing: a flat Float32Array of ${noun} does not say how wide a row is`,
    )
  }
  if (data.length % dim !== 0) {
    throw new NearfieldError(
      'DIMENSION',
      `${noun} must hold a multiple of dim = ${dim} numbers, received ${data.length} (${data.length % dim} left over)`,
    )
  }
  return { data, rows: data.length / dim, dim }
}

function fromRows(rows: readonly (Float32Array | readonly number[])[], dim: number, noun: string): Matrix {
  const width = dim || rows[0]?.length || 0
  if (width === 0)
    throw new NearfieldError(
      'DIMENSION',
      `dim is missing: ${noun} are empty and do not say how wide a row is`,
    )
  const data = new Float32Array(rows.length * width)
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!
    const name = `row ${i} of ${noun}`
    if (!(row instanceof Float32Array) && !Array.isArray(row)) {
      throw new NearfieldError(
        'OPTION',
        `${name} must be a Float32Array or an array of numbers, received ${shown(row)}`,
      )
    }
    if (row.length !== width) throw wrongWidth(name, width, row.length)
    packRow(data, i * width, row, name)
  }
  return { data, rows: rows.length, dim: width }
}

function fromTensor(tensor: Tensor, dim: number, noun: string): Matrix {
  checkDims(tensor, noun)
  const width = tensor.dims.at(-1)!
  if (dim !== 0 && width !== dim) throw wrongWidth(`a row of ${noun}`, dim, width)
  if (width === 0)
    throw new NearfieldError(
      'DIMENSION',
      `a row of ${noun} must have at least 1 number, dims are [${tensor.dims}]`,
    )
  return { data: tensor.data, rows: tensor.data.length / width, dim: width }
}

/** Writes one row, refusing what `Float32Array` would quietly turn into a number (`null`, text, holes). */
function packRow(into: Float32Array, at: number, row: Float32Array | readonly number[], name: string): void {
  if (row instanceof Float32Array) {
    into.set(row, at)
    return
  }
  for (let j = 0; j < row.length; j++) {
    const value = row[j]
    if (typeof value !== 'number') {
      throw new NearfieldError('OPTION', `${name} must hold numbers, received ${shown(value)} at column ${j}`)
    }
    into[at + j] = value
  }
}

function checkDims({ data, dims }: Tensor, noun: string): void {
  const total = dims.reduce((product, width) => product * width, 1)
  if (
    dims.length === 0 ||
    !dims.every((width) => Number.isSafeInteger(width) && width >= 0) ||
    total !== data.length
  ) {
    throw new NearfieldError(
      'DIMENSION',
      `${noun}: dims [${dims}] describe ${total} numbers, data holds ${data.length}`,
    )
  }
}

function isTensor(value: unknown): value is Tensor {
  if (typeof value !== 'object' || value === null) return false
  const { data, dims } = value as Partial<Tensor>
  return data instanceof Float32Array && Array.isArray(dims)
}

function wrongWidth(what: string, expected: number, received: number): NearfieldError {
  return new NearfieldError('DIMENSION', `${what}: expected ${expected} numbers, received ${received}`)
}
